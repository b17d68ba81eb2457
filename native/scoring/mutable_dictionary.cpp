#include "mutable_dictionary.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "../kernels/reduce/reduce.hpp"

namespace unsuperpose {

namespace {
constexpr std::size_t kRowPadding = kCacheLine / sizeof(float);
/// Atoms that are brought up to date together: whole panels, so that threads write lines of their own.
constexpr std::size_t kBlock = 96;
}  // namespace

MutableDictionary::MutableDictionary(std::size_t dims) : held_(std::make_shared<Dictionary>()) {
  held_->dims_ = dims;
  held_->stride_ = round_up(dims, kRowPadding);
}

MutableDictionary::MutableDictionary(const Dictionary& from) : MutableDictionary(from.dims_) {
  copy(from, *held_, from.features_);
  touched_.assign(from.features_, 0);
  changed_ = true;
}

/// Atoms and norms into memory of `room` atoms, without the copies made of them.
void MutableDictionary::copy(const Dictionary& from, Dictionary& to, std::size_t room) {
  AlignedBuffer<float> atoms(room * from.stride_);
  if (from.features_ > 0)
    std::memcpy(atoms.data(), from.atoms_.data(), from.features_ * from.stride_ * sizeof(float));
  to.atoms_ = std::move(atoms);
  to.norms_ = from.norms_;
  to.features_ = from.features_;
  to.dims_ = from.dims_;
  to.stride_ = from.stride_;
  to.min_norm_ = from.min_norm_;
  to.max_norm_ = from.max_norm_;
}

/// Before a change: what is shared stays with those who share it.
void MutableDictionary::own() {
  changed_ = true;
  if (!shared_) return;
  auto copied = std::make_shared<Dictionary>();
  copy(*held_, *copied, held_->features_);
  held_ = std::move(copied);
  shared_ = false;
}

void MutableDictionary::reserve(std::size_t features) {
  own();
  if (features * held_->stride_ > held_->atoms_.size()) copy(*held_, *held_, features);
}

void MutableDictionary::resize(std::size_t features) {
  own();
  const std::size_t before = held_->features_, stride = held_->stride_;
  if (features * stride > held_->atoms_.size()) reserve(std::max(features, before + before / 2));
  if (features > before)
    std::fill(held_->atoms_.data() + before * stride, held_->atoms_.data() + features * stride, 0.0f);
  held_->features_ = features;
  held_->norms_.resize(features, 0);
  touched_.resize(features, 1);
  for (Dictionary::Packed& packed : held_->packed_)
    if (packed.ready.load(std::memory_order_relaxed)) packed.rows.resize(features);
}

float* MutableDictionary::edit(std::size_t j) {
  own();
  touched_[j] = 1;
  return held_->atoms_.data() + j * held_->stride_;
}

const scoring::DeviceRows& MutableDictionary::on_device(device::Device& device) {
  own();
  return held_->copies_.of(device, held_->atoms());
}

float* MutableDictionary::edit_after(std::size_t j) {
  own();
  // Where other devices have copies too, they are told of what this one knows.
  if (touched_[j] != 1) touched_[j] = held_->copies_.count() > 1 ? 1 : 2;
  return held_->atoms_.data() + j * held_->stride_;
}

void MutableDictionary::drop_copies() {
  own();
  held_->copies_ = {};
}

Matrix32 MutableDictionary::edit_all() {
  own();
  std::fill(touched_.begin(), touched_.end(), std::uint8_t{1});
  return {held_->atoms_.data(), held_->features_, held_->dims_, held_->stride_};
}

void MutableDictionary::set_atom(std::size_t j, const float* from) {
  std::memcpy(edit(j), from, dims() * sizeof(float));
}

void MutableDictionary::append(const float* from) {
  resize(features() + 1);
  set_atom(features() - 1, from);
}

void MutableDictionary::replace(ConstMatrix32 from) {
  resize(from.rows);
  for (std::size_t j = 0; j < from.rows; ++j) set_atom(j, from.row(j));
}

Status MutableDictionary::current(const Execution& execution, const Dictionary*& out) {
  Dictionary& held = *held_;
  if (changed_) {
    const auto& reduce = reduce::table();
    held.gram_.store(nullptr, std::memory_order_relaxed);
    held.kept_gram_.reset();
    std::vector<std::uint32_t> behind;  // on devices
    if (held.copies_.count() > 0)
      for (std::uint32_t j = 0; j < held.features_; ++j)
        if (touched_[j] == 1) behind.push_back(j);
    execution.for_each((held.features_ + kBlock - 1) / kBlock, [&](std::size_t block) {
      for (std::size_t j = block * kBlock; j < std::min(held.features_, (block + 1) * kBlock); ++j) {
        if (touched_[j] == 0) continue;
        const float* atom = held.atom(j);
        if (!reduce.all_finite(atom, held.dims_)) continue;
        held.norms_[j] = std::sqrt(reduce.squared_norm(atom, held.dims_));
        if (held.norms_[j] > Dictionary::kMaxNorm) continue;
        for (Dictionary::Packed& packed : held.packed_)
          if (packed.ready.load(std::memory_order_relaxed)) packed.rows.set_row(j, atom);
        touched_[j] = 0;
      }
    });
    const bool refused = held.features_ == 0 || std::any_of(touched_.begin(), touched_.end(),
                                                            [](auto behind) { return behind != 0; });
    if (execution.cancelled() || refused) held.copies_ = {};  // behind, in atoms that are no longer named
    if (execution.cancelled()) return Status::cancelled();
    if (refused) {
      std::shared_ptr<const Dictionary> none;
      return Dictionary::make(held.atoms(), false, none);  // says why
    }
    held.copies_.follow(held.atoms(), behind);
    held.find_extremes();
    changed_ = false;
  }
  out = &held;
  return {};
}

Status MutableDictionary::freeze(const Execution& execution, std::shared_ptr<const Dictionary>& out) {
  const Dictionary* checked = nullptr;
  if (Status status = current(execution, checked); !status.ok()) return status;
  shared_ = true;
  out = held_;
  return {};
}

}  // namespace unsuperpose
