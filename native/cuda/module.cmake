# The module for NVIDIA GPUs, build/Release/unsuperpose_cuda.node: `npm run build:cuda` builds it, nothing else does. CMakeLists.txt includes
# this where there is Node-API to build with.
set(UNSUPERPOSE_CUDA_ARCHITECTURES "80;89;90a;100;120" CACHE STRING "compute capabilities to compile the kernels for")
set(oldest_cuda 12.8) # --compress-mode, sm_100 and sm_120

file(GLOB cuda_kernels CONFIGURE_DEPENDS native/cuda/*.cu)
file(GLOB cuda_sources CONFIGURE_DEPENDS native/cuda/*.cpp)
list(FILTER cuda_sources EXCLUDE REGEX "/node_entry\\.cpp$")
if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
  set(no_cuda "it is for Linux")
elseif(UNSUPERPOSE_SANITIZE)
  set(no_cuda "not with sanitizers")
elseif(NOT cuda_kernels)
  set(no_cuda "native/cuda holds no kernels")
else()
  find_package(CUDAToolkit QUIET)
  if(NOT CUDAToolkit_NVCC_EXECUTABLE)
    set(no_cuda "there is no nvcc on the PATH, in CUDAToolkit_ROOT, CUDA_PATH or /usr/local/cuda")
  elseif(CUDAToolkit_VERSION VERSION_LESS oldest_cuda)
    set(no_cuda "CUDA ${CUDAToolkit_VERSION} is older than ${oldest_cuda}")
  elseif(NOT CUDA_cudart_static_LIBRARY)
    set(no_cuda "CUDA ${CUDAToolkit_VERSION} lacks libcudart_static.a")
  endif()
endif()
if(no_cuda)
  message(STATUS "unsuperpose: no CUDA module: ${no_cuda}")
  return()
endif()
message(STATUS "unsuperpose: CUDA ${CUDAToolkit_VERSION}: npm run build:cuda builds the CUDA module")

# One object a file of kernels. Registers and spills, which ptxas tells, are kept beside it.
set(gencodes -gencode arch=compute_80,code=compute_80) # for devices that come later
foreach(architecture ${UNSUPERPOSE_CUDA_ARCHITECTURES})
  list(APPEND gencodes -gencode arch=compute_${architecture},code=sm_${architecture})
endforeach()
# As for the rest: no contraction. Scalar sums are those of the CPU, bit for bit.
set(nvcc_flags -std=c++20 -O3 --fmad=false --expt-relaxed-constexpr --compress-mode=size -Xptxas -v -Xcompiler -fPIC,-fvisibility=hidden)
set(cuda_folder "${CMAKE_CURRENT_BINARY_DIR}/cuda")
file(MAKE_DIRECTORY "${cuda_folder}")
function(add_nvcc_object source object)
  get_filename_component(name ${object} NAME_WLE)
  add_custom_command(OUTPUT ${object}
    COMMAND ${CMAKE_COMMAND} -DLOG=${cuda_folder}/${name}.log -P ${CMAKE_CURRENT_SOURCE_DIR}/native/cuda/logged.cmake --
      ${CMAKE_CXX_COMPILER_LAUNCHER} ${CUDAToolkit_NVCC_EXECUTABLE} -ccbin ${CMAKE_CXX_COMPILER} ${nvcc_flags} -x cu ${ARGN}
      -MD -MF ${object}.d -c ${source} -o ${object}
    DEPENDS ${source} DEPFILE ${object}.d COMMENT "nvcc ${name}" VERBATIM)
endfunction()
set(cuda_objects "")
foreach(source ${cuda_kernels} ${cuda_sources})
  get_filename_component(name ${source} NAME)
  # Host code has no kernels, but includes their headers.
  set(targeted ${gencodes})
  if(name MATCHES "\\.cpp$")
    set(targeted -gencode arch=compute_80,code=compute_80)
  endif()
  add_nvcc_object(${source} ${cuda_folder}/${name}.o ${targeted})
  list(APPEND cuda_objects ${cuda_folder}/${name}.o)
endforeach()

# libcudart_static.a asks for what glibc 2.34 moved from libpthread, libdl and librt into libc, and a linker takes the newest version of
# each that it finds. These empty libraries, found first, have the oldest ones; where the module is loaded, the real ones take their place.
function(add_old_library name soname functions)
  set(version GLIBC_2.2.5)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    set(version GLIBC_2.17)
  endif()
  set(map "${version} { global: *; };\n")
  set(younger "")
  if(version STREQUAL "GLIBC_2.2.5" AND "dlmopen" IN_LIST functions)
    list(REMOVE_ITEM functions dlmopen)
    set(younger "void dlmopen() {}\n")
    string(APPEND map "GLIBC_2.3.4 { global: dlmopen; };\n")
  endif()
  list(TRANSFORM functions REPLACE "(.+)" "void \\1() {}\n" OUTPUT_VARIABLE bodies)
  list(JOIN bodies "" bodies)
  file(WRITE ${cuda_folder}/${name}.cpp.new "extern \"C\" {\n${bodies}${younger}}\n")
  file(WRITE ${cuda_folder}/${name}.map "${map}")
  configure_file(${cuda_folder}/${name}.cpp.new ${cuda_folder}/${name}.cpp COPYONLY)
  add_library(${name} SHARED EXCLUDE_FROM_ALL ${cuda_folder}/${name}.cpp)
  set_target_properties(${name} PROPERTIES NO_SONAME ON LIBRARY_OUTPUT_DIRECTORY ${cuda_folder}
    LIBRARY_OUTPUT_DIRECTORY_RELEASE ${cuda_folder})
  target_compile_options(${name} PRIVATE -fno-builtin)
  target_link_options(${name} PRIVATE -nostdlib -Wl,-soname,${soname}
    -Wl,--version-script=${cuda_folder}/${name}.map)
  target_link_libraries(unsuperpose_cuda PRIVATE ${name})
endfunction()

add_library(unsuperpose_cuda MODULE EXCLUDE_FROM_ALL
  ${cuda_objects} native/cuda/node_entry.cpp native/node/compatibility.cpp ${CMAKE_JS_SRC})
set_target_properties(unsuperpose_cuda PROPERTIES PREFIX "" SUFFIX ".node" LINKER_LANGUAGE CXX SKIP_BUILD_RPATH ON)
target_include_directories(unsuperpose_cuda SYSTEM PRIVATE ${CMAKE_JS_INC} ${CUDAToolkit_INCLUDE_DIRS})
target_compile_definitions(unsuperpose_cuda PRIVATE NAPI_VERSION=8)
target_link_libraries(unsuperpose_cuda PRIVATE unsuperpose_flags ${CUDA_cudart_static_LIBRARY} ${CMAKE_JS_LIB})
# What has been in libc all along, pthread_cond_… among it, is not here.
set(pthread create detach getspecific join key_create key_delete kill mutex_trylock mutexattr_destroy mutexattr_init
  mutexattr_setpshared mutexattr_settype once rwlock_destroy rwlock_init rwlock_rdlock rwlock_timedrdlock rwlock_timedwrlock
  rwlock_tryrdlock rwlock_trywrlock rwlock_unlock rwlock_wrlock rwlockattr_destroy rwlockattr_init rwlockattr_setpshared
  setspecific spin_destroy spin_init spin_lock spin_trylock spin_unlock condattr_setpshared)
list(TRANSFORM pthread PREPEND pthread_)
add_old_library(old_pthread libpthread.so.0
  "${pthread};sem_destroy;sem_init;sem_post;sem_timedwait;sem_trywait;sem_wait")
add_old_library(old_dl libdl.so.2 "dlclose;dlerror;dlmopen;dlopen;dlsym;dlvsym")
add_old_library(old_rt librt.so.1 "shm_open;shm_unlink")
list(APPEND targets unsuperpose_cuda)

# The programs of test/cuda/ that a GPU can run (npm run gpu-check): those that are not about the emulation. The published package has none.
file(GLOB gpu_programs CONFIGURE_DEPENDS test/cuda/*.cpp)
list(FILTER gpu_programs EXCLUDE REGEX "/(emulation|faults|(train_)?shortage)\\.cpp$")
if(NOT "90a" IN_LIST UNSUPERPOSE_CUDA_ARCHITECTURES)
  list(FILTER gpu_programs EXCLUDE REGEX "/hopper\\.cpp$")
endif()
if(gpu_programs)
  find_package(Threads REQUIRED)
  add_custom_target(gpu_checks)
  foreach(source ${gpu_programs})
    get_filename_component(name ${source} NAME_WE)
    set(targeted ${gencodes})
    if(name STREQUAL "hopper") # wgmma and TMA are of no other architecture
      set(targeted -gencode arch=compute_90a,code=sm_90a)
    endif()
    add_nvcc_object(${source} ${cuda_folder}/gpu_${name}.o ${targeted})
    add_executable(gpu_${name} EXCLUDE_FROM_ALL ${cuda_folder}/gpu_${name}.o ${cuda_objects})
    set_target_properties(gpu_${name} PROPERTIES LINKER_LANGUAGE CXX RUNTIME_OUTPUT_DIRECTORY ${cuda_folder}
      RUNTIME_OUTPUT_DIRECTORY_RELEASE ${cuda_folder})
    target_link_libraries(gpu_${name} PRIVATE
      unsuperpose_core ${CUDA_cudart_static_LIBRARY} Threads::Threads dl rt)
    add_dependencies(gpu_checks gpu_${name})
  endforeach()
endif()

# What the kernels take on a GPU (npm run gpu-check runs it). The published package does not have it.
set(gpu_benches "")
foreach(name cuda_kernels cuda_train)
  set(source "${CMAKE_CURRENT_SOURCE_DIR}/bench/${name}.cu")
  if(EXISTS "${source}")
    find_package(Threads REQUIRED)
    set(object ${cuda_folder}/bench_${name}.o)
    add_nvcc_object(${source} ${object} -gencode arch=compute_80,code=compute_80) # has no kernels of its own
    add_executable(bench_${name} EXCLUDE_FROM_ALL ${object} ${cuda_objects})
    set_target_properties(bench_${name} PROPERTIES LINKER_LANGUAGE CXX
      RUNTIME_OUTPUT_DIRECTORY ${cuda_folder} RUNTIME_OUTPUT_DIRECTORY_RELEASE ${cuda_folder})
    target_link_libraries(bench_${name} PRIVATE unsuperpose_core ${CUDA_cudart_static_LIBRARY} Threads::Threads dl rt)
    list(APPEND gpu_benches bench_${name})
  endif()
endforeach()
if(gpu_benches)
  add_custom_target(gpu_bench DEPENDS ${gpu_benches})
endif()
