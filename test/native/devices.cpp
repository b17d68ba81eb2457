// The CUDA module's table as the rest sees it: a table of another version is refused, what its functions answer becomes a status, and a
// device that has failed is not asked again.
#include "../../native/scoring/device.hpp"

#include <cstring>
#include <string>

#include "check.hpp"

using namespace unsuperpose;

namespace {

/// What the functions below answer.
int devices = 2, asked = 0, counted = 0, major_version = 9;

int answer(UnsuperposeCudaError* error, int code, const char* message) {
  std::strncpy(error->message, message, sizeof error->message);
  return code;
}

int count_devices(std::int32_t* out, UnsuperposeCudaError* error) {
  ++counted;
  *out = devices;
  return devices < 0 ? answer(error, UNSUPERPOSE_CUDA_NO_DEVICE, "no driver") : UNSUPERPOSE_CUDA_OK;
}

int describe_device(std::int32_t index, UnsuperposeCudaDescription* out, UnsuperposeCudaError*) {
  ++asked;
  *out = {};
  std::memset(out->name, 'x', sizeof out->name);  // without an end
  out->major = index == 0 ? 9 : major_version;
  out->minor = 5;
  return UNSUPERPOSE_CUDA_OK;
}

UnsuperposeCuda table() {
  UnsuperposeCuda made{};
  made.abi_version = UNSUPERPOSE_CUDA_ABI_VERSION;
  made.struct_size = sizeof made;
  made.count = count_devices;
  made.describe = describe_device;
  return made;
}

bool says(const Status& status, Code code, const char* text) {
  return check::that(status.code == code && status.message.find(text) != std::string::npos,
                     "expected %s with '%s', got %s: %s", code_name(code), text, code_name(status.code),
                     status.message.c_str());
}

void without_a_table() {
  device::Device* found = nullptr;
  int number = 7;
  UnsuperposeCudaDescription description{};
  check::that(!device::loaded(), "a table before there is one");
  says(device::find(0, found), Code::no_device, "no CUDA module is loaded");
  says(device::count(number), Code::no_device, "no CUDA module");
  says(device::describe(0, description), Code::no_device, "no CUDA module");
  check::that(found == nullptr && number == 0, "something was found without a table");
}

void tables() {
  UnsuperposeCuda other = table();
  other.abi_version = UNSUPERPOSE_CUDA_ABI_VERSION + 1;
  says(device::use(&other), Code::native, "not built together");
  other = table();
  other.struct_size = sizeof other - 1;
  says(device::use(&other), Code::native, "not built together");
  says(device::use(nullptr), Code::native, "is missing");
  check::that(!device::loaded(), "a table that was refused is in use");

  static UnsuperposeCuda taken = table();
  taken.struct_size += 64;  // additions at the end
  check::that(device::use(&taken).ok() && device::use(&taken).ok() && device::loaded(),
              "taking a table, twice");
  other = table();
  says(device::use(&other), Code::native, "another CUDA module");
}

void finding() {
  device::Device *first = nullptr, *again = nullptr, *none = nullptr;
  check::that(device::find(0, first).ok() && first && first->index == 0, "device 0");
  const int before = asked + counted;
  check::that(device::find(0, again).ok() && again == first, "the same device again");
  check::that(asked + counted == before, "a device that was found is asked for again");
  says(device::find(2, none), Code::no_device, "there is no CUDA device 2: there are 2, numbers 0 to 1");
  says(device::find(-1, none), Code::no_device, "there is no CUDA device -1");
  major_version = 7;
  says(device::find(1, none), Code::no_device, "compute capability 7.5, the kernels need 8.0");
  devices = 0;
  says(device::find(1, none), Code::no_device, "shows no device");
  devices = -1;
  says(device::find(1, none), Code::no_device, "no driver");
  check::that(none == nullptr, "a device that cannot be used was found");
  devices = 2;
  major_version = 8;
  check::that(device::find(1, again).ok() && again->index == 1, "device 1, once it can be used");

  UnsuperposeCudaDescription description{};
  check::that(
      device::describe(0, description).ok() && std::strlen(description.name) == sizeof description.name - 1,
      "a name without an end");
}

/// Want of memory says this and no more.
void ends(UnsuperposeCudaError error, const char* text, std::uint64_t wanted, std::uint64_t free) {
  error.bytes_wanted = wanted;
  error.bytes_free = free;
  const Status status = device::status_of(UNSUPERPOSE_CUDA_MEMORY, error);
  check::that(status.message == text, "expected '%s', got '%s'", text, status.message.c_str());
}

void answers() {
  UnsuperposeCudaError error{};
  check::that(device::status_of(UNSUPERPOSE_CUDA_OK, error).ok(), "ok");
  check::that(device::status_of(UNSUPERPOSE_CUDA_CANCELLED, error).code == Code::cancelled, "cancelled");
  says(device::status_of(UNSUPERPOSE_CUDA_NO_DEVICE, error), Code::no_device, "no usable CUDA device");
  std::strcpy(error.message, "the dictionary");
  error.bytes_wanted = 5'000'000'000;
  error.bytes_free = 12;
  says(device::status_of(UNSUPERPOSE_CUDA_MEMORY, error), Code::too_large,
       "the dictionary: 5000000000 bytes are wanted, 12 are free");
  error.bytes_free = error.bytes_wanted;
  says(device::status_of(UNSUPERPOSE_CUDA_MEMORY, error), Code::too_large,
       "the dictionary: 5000000000 bytes are wanted in one piece, 5000000000 are free by now: in smaller "
       "pieces, or another process had "
       "some of them");
  ends(error, "the dictionary: 5000000000 bytes are wanted", 5'000'000'000, UNSUPERPOSE_CUDA_UNKNOWN);
  ends(error, "the dictionary: 7 bytes are free", 0, 7);
  ends(error, "the dictionary", 0, UNSUPERPOSE_CUDA_UNKNOWN);
  ends(error, "the dictionary", 0, 0);
  std::memset(error.message, 'y', sizeof error.message);
  check::that(device::status_of(99, error).message.size() == sizeof error.message,
              "a message without an end");
}

void losing() {
  device::Device *first = nullptr, *second = nullptr;
  check::that(device::find(0, first).ok() && device::find(1, second).ok(), "both devices");
  UnsuperposeCudaError error{};
  std::strcpy(error.message, "out of memory");
  says(device::status_of(*first, UNSUPERPOSE_CUDA_MEMORY, error), Code::too_large, "out of memory");
  check::that(device::find(0, first).ok(), "want of memory loses no device");
  std::strcpy(error.message, "an illegal address");
  says(device::status_of(*first, UNSUPERPOSE_CUDA_FAILED, error), Code::native, "an illegal address");
  says(device::find(0, first), Code::native, "has failed before");
  check::that(device::find(1, second).ok(), "the other device still works");
}

}  // namespace

int main() {
  without_a_table();
  tables();
  finding();
  answers();
  losing();
  return check::finish();
}
