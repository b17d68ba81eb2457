#include <algorithm>
#include <cstring>
#include <memory>

#include "rounds.hpp"

namespace unsuperpose::cuda {

namespace {

/// Of what is folded at a time: bytes of the answer; entries; and rows at least.
constexpr std::size_t kBytes = std::size_t{16} << 20, kEntries = std::size_t{1} << 20;

/// The memory of a call: parts go back through two pinned buffers, so that one is read while the other is filled.
class Folder {
 public:
  explicit Folder(Rows& rows) : rows_(rows) {}

  void run(const UnsuperposeCudaSparse& codes, float* out) {
    const std::size_t dims = rows_.dims();
    unread_ = Part{};
    std::size_t turn = 0, together = std::max<std::size_t>(1, kBytes / sizeof(float) / dims);
    for (std::size_t first = 0; first < codes.rows;) {
      if (codes.cancelled && codes.cancelled(codes.context))
        throw Failure{UNSUPERPOSE_CUDA_CANCELLED, "cancelled"};
      std::size_t end = std::min<std::size_t>(codes.rows, first + together);
      while (end > first + 1 && codes.indptr[end] - codes.indptr[first] > kEntries)
        end = first + (end - first) / 2;
      try {
        ask(codes, first, end, turn);
      } catch (const Failure& failure) {
        if (failure.code != UNSUPERPOSE_CUDA_MEMORY) throw;
        read(out);
        stream_.wait();
        if (rows_.free_workspaces()) continue;
        if (together == 1) throw;
        release();
        together = std::max<std::size_t>(1, std::min(together, end - first) / 2);
        continue;
      }
      read(out);
      unread_ = {first, end - first, turn};
      turn ^= 1;
      first = end;
    }
    read(out);
  }

 private:
  struct Part {
    std::size_t first = 0, count = 0, turn = 0;
  };

  /// The rows first … end − 1, into buffer `turn`.
  void ask(const UnsuperposeCudaSparse& codes, std::size_t first, std::size_t end, std::size_t turn) {
    const std::size_t count = end - first, dims = rows_.dims(), from = codes.indptr[first],
                      entries = codes.indptr[end] - from;
    Memory<float>& answer = answers_[turn];
    indptr_[turn].reserve(count + 1);
    indices_[turn].reserve(entries);
    answer.reserve(count * dims);
    seen_[turn].reserve(count * dims);
    stream_.to_device(indptr_[turn].data(), codes.indptr + first, count + 1);
    stream_.to_device(indices_[turn].data(), codes.indices + from, entries);
    Fold fold;
    fold.atoms = rows_.data();
    fold.dims = static_cast<unsigned>(dims);
    fold.base = static_cast<std::uint32_t>(from);
    fold.indptr = indptr_[turn].data();
    fold.indices = indices_[turn].data();
    if (codes.wide) {
      wide_[turn].reserve(entries);
      stream_.to_device(wide_[turn].data(), codes.wide + from, entries);
      fold.wide = wide_[turn].data();
    } else {
      values_[turn].reserve(entries);
      stream_.to_device(values_[turn].data(), codes.values + from, entries);
      fold.values = values_[turn].data();
    }
    fold.out = answer.data();
    fold_rows(fold, static_cast<unsigned>(count), stream_.get());
    stream_.to_host(seen_[turn].data(), answer.data(), count * dims);
    done_[turn].record(stream_.get());
  }

  /// Copies out what was asked for last, once it is there.
  void read(float* out) {
    if (unread_.count == 0) return;
    const std::size_t dims = rows_.dims();
    done_[unread_.turn].wait();
    std::memcpy(out + unread_.first * dims, seen_[unread_.turn].data(), unread_.count * dims * sizeof(float));
    unread_ = Part{};
  }

  void release() {
    for (std::size_t turn = 0; turn < 2; ++turn) {
      indptr_[turn].free();
      indices_[turn].free();
      values_[turn].free();
      wide_[turn].free();
      answers_[turn].free();
    }
  }

  Rows& rows_;
  Stream stream_;
  Event done_[2];
  Memory<std::uint32_t> indptr_[2], indices_[2];
  Memory<float> values_[2], answers_[2];
  Memory<double> wide_[2];
  Pinned<float> seen_[2];
  Part unread_;
};

}  // namespace

void fold_codes(Rows& rows, const UnsuperposeCudaSparse& codes, float* out) {
  if (codes.rows == 0) return;
  const OnDevice here(rows.device().index);
  std::shared_ptr<void> kept = rows.take_workspace(Rows::kFold);
  if (!kept) kept = std::make_shared<Folder>(rows);
  static_cast<Folder*>(kept.get())->run(codes, out);
  rows.keep_workspace(std::move(kept), Rows::kFold);  // not after a failure
}

}  // namespace unsuperpose::cuda
