// Online dictionary learning on a device: codes come from there anyway (solvers/lasso_device.cpp); here its A and B stay there too, and the update of
// the atoms, which is a product of due atoms × features × dims: of 4,096 samples on 16,384 features as much as four scoring passes where all atoms
// are due. What is decided stays here: which atoms are due, which are replaced, what is forgotten.
#include "online_device.hpp"

#include <algorithm>
#include <cmath>

#include "../core/cancellation.hpp"
#include "online_state.hpp"

namespace unsuperpose {

DeviceStatistics::DeviceStatistics(device::Device& device, std::size_t features, std::size_t dims)
    : device_(device) {
  UnsuperposeCudaError error;
  require(device_.table->open_learning(device_.index, features, dims, &handle_, &error), error);
}

DeviceStatistics::~DeviceStatistics() { device_.table->close_learning(handle_); }

void DeviceStatistics::require(int code, const UnsuperposeCudaError& error) const {
  if (code != UNSUPERPOSE_CUDA_OK) throw device::Failed{device::status_of(device_, code, error)};
}

void DeviceStatistics::put(ConstMatrix32 a, ConstMatrix32 b) {
  UnsuperposeCudaError error;
  require(device_.table->put_learning(handle_, a.data, a.stride, b.data, b.stride, &error), error);
}

void DeviceStatistics::get(Matrix32 a, Matrix32 b) const {
  UnsuperposeCudaError error;
  require(device_.table->get_learning(handle_, a.data, a.stride, b.data, b.stride, &error), error);
}

void DeviceStatistics::scale(double factor) {
  UnsuperposeCudaError error;
  require(device_.table->scale_learning(handle_, factor, &error), error);
}

void DeviceStatistics::forget(std::uint32_t feature) {
  UnsuperposeCudaError error;
  require(device_.table->forget_feature(handle_, feature, &error), error);
}

void DeviceStatistics::teach(const UnsuperposeCudaLesson& lesson) {
  UnsuperposeCudaError error;
  require(device_.table->teach(handle_, &lesson, &error), error);
}

bool DeviceStatistics::improve(const scoring::DeviceRows& atoms, const std::vector<std::uint32_t>& due,
                               Matrix32 out, const Execution& execution) {
  UnsuperposeCudaError error;
  const int code = device_.table->improve(
      handle_, atoms.handle(), due.data(), due.size(), out.data, out.stride,
      [](void* context) { return static_cast<const Execution*>(context)->cancelled() ? 1 : 0; },
      const_cast<Execution*>(&execution), &error);
  if (code == UNSUPERPOSE_CUDA_CANCELLED) return false;
  require(code, error);
  return true;
}

/// Memory for A on this side: 17 GB for 65,536 features, which a learner on a device takes only to save it.
void OnlineLearner::State::here() {
  if (a.size() == 0) a = AlignedBuffer<float>::zeros(options.features * a_stride);
}

/// Here too, as they are there.
void OnlineLearner::State::fetch() {
  here();
  if (there) there->get(a_view(), b_view());
}

/// Where the device has no room for A and B they stay here, and are updated here.
void OnlineLearner::State::place(device::Device& device) {
  try {
    auto made = std::make_unique<DeviceStatistics>(device, options.features, dims);
    diagonal.assign(options.features, 0);
    if (a.size() > 0) {
      made->put(ConstMatrix32(a_view()), ConstMatrix32(b_view()));
      for (std::size_t j = 0; j < options.features; ++j) diagonal[j] = a[j * a_stride + j];
    }
    there = std::move(made);
    a = {};
  } catch (const device::Failed& failure) {
    if (failure.status.code != Code::too_large) throw;
    full = &device;
  }
}

/// A and B come back, and stay: the device has no room for them.
void OnlineLearner::State::bring_back() {
  fetch();
  full = &there->device();
  there.reset();
}

/// Where a device has no room for what codes take beside A and B, those come back: codes gain more from a device.
Status OnlineLearner::State::unfold_with_room(ConstMatrix32 batch, const Dictionary& dictionary,
                                              const Method& method, const Execution& execution,
                                              Unfolding& out) {
  Status status = unfold(batch, dictionary, method, execution, out);
  if (!there || status.code != Code::too_large) return status;
  bring_back();
  return unfold(batch, dictionary, method, execution, out);
}

/// A and B go where the call runs.
void OnlineLearner::State::settle(const Execution& execution) {
  const bool wanted = execution.device && options.method == LearningMethod::online;
  if (there && (!wanted || &there->device() != execution.device)) {
    fetch();
    there.reset();
  }
  if (wanted && !there && full != execution.device) place(*execution.device);
  if (!there) here();
}

/// Whether it did: where the device has no room for the codes, nothing changes but that A and B come back.
bool OnlineLearner::State::teach_device(ConstMatrix32 batch, const SparseCodes& codes) {
  const std::vector<std::uint32_t> sample_of = samples_of(codes);
  std::vector<std::uint32_t> first{0}, users;
  users.reserve(codes.indices.size());
  const float w = static_cast<float>(weight);
  for (const std::uint32_t j : touched) {
    users.insert(users.end(), users_by_feature[j].begin(), users_by_feature[j].end());
    first.push_back(static_cast<std::uint32_t>(users.size()));
  }
  UnsuperposeCudaLesson lesson{};
  lesson.samples = {batch.data, batch.stride, batch.rows, dims, nullptr};
  lesson.begin = codes.indptr.data();
  lesson.indices = codes.indices.data();
  lesson.values = codes.values.data();
  lesson.owners = sample_of.data();
  lesson.touched_count = static_cast<std::uint32_t>(touched.size());
  lesson.touched = touched.data();
  lesson.first = first.data();
  lesson.users = users.data();
  lesson.weight = w;
  try {
    there->teach(lesson);
  } catch (const device::Failed& failure) {
    if (failure.status.code != Code::too_large) throw;
    bring_back();
    return false;
  }
  for (const std::uint32_t j : touched) {
    // As A has it.
    for (const std::uint32_t at : users_by_feature[j]) diagonal[j] += w * codes.values[at] * codes.values[at];
    count_users(j, codes);
  }
  return true;
}

/// Where the device has no room for it, no atom changes, and A and B come back.
Status OnlineLearner::State::improve_on_device(const Execution& execution, bool& improved) {
  improved = true;
  const Dictionary* dictionary = nullptr;
  if (Status status = atoms.current(execution, dictionary); !status.ok()) return status;
  if (due.empty()) return {};
  try {
    const scoring::DeviceRows& copy = atoms.on_device(*execution.device);
    for (const std::uint32_t j : due) atoms.edit_after(j);
    const Matrix32 out{atoms.edit_after(due.front()) - due.front() * stride, atoms.features(), dims, stride};
    if (!there->improve(copy, due, out, execution)) {
      atoms.drop_copies();
      return Status::cancelled();
    }
  } catch (const device::Failed& failure) {
    atoms.drop_copies();
    if (failure.status.code != Code::too_large) throw;
    bring_back();
    improved = false;
    return {};
  }
  for (const std::uint32_t j : due) fresh[j] = 0;
  columns_behind = true;
  return {};
}

}  // namespace unsuperpose
