#include "scorer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../kernels/reduce/reduce.hpp"
#include "device_bound.hpp"
#include "exact.hpp"

namespace unsuperpose::scoring {

namespace {

using product::Precision;

/// A bound above this share of the threshold leaves too much open: the next precision costs less than scoring it again.
constexpr double kUsefulShare = 0.5;
/// float32 scores divided by weights could overflow where rows' norms, so divided, come near this.
constexpr double kMostStrength = 1e30;

bool coarse_is_useless(Ladder ladder) { return ladder == Ladder::finest || ladder == Ladder::both; }

/// Cheapest first. Of the precisions in 16 bits, bfloat16 only where it is cheaper by far (AMX, Arm): by vdpbf16ps it takes longer than float32.
/// int16 costs half of float32 or more and leaves less open up to some thousand dims: beside a cheap bfloat16 it has a place in `both` alone.
std::vector<Precision> rounded_precisions(std::size_t dims, Ladder ladder) {
  const auto there = [&](Precision precision) {
    return product::rounded_kernels(precision, dims) != nullptr;
  };
  std::vector<Precision> found;
  if (ladder == Ladder::float32) return found;
  // int8 leaves so much open that scoring it again costs more than it saves.
  if (!coarse_is_useless(ladder) && there(Precision::int8)) found.push_back(Precision::int8);
  const bool cheap = there(Precision::bfloat16) && (has(Capability::amx_bf16) || has(Capability::bf16));
  if (cheap) found.push_back(Precision::bfloat16);
  if ((!cheap || ladder == Ladder::both) && there(Precision::int16)) found.push_back(Precision::int16);
  return found;
}

constexpr UnsuperposeCudaPrecision kOfDevices[] = {UNSUPERPOSE_CUDA_INT8, UNSUPERPOSE_CUDA_FLOAT16};
/// Sums of int8 products of more dims may overflow.
constexpr std::size_t kMostInt8Dims = 2147483647 / (127 * 127);

std::vector<UnsuperposeCudaPrecision> device_precisions(std::size_t dims, Ladder ladder) {
  std::vector<UnsuperposeCudaPrecision> found;
  if (ladder == Ladder::float32) return found;
  for (const UnsuperposeCudaPrecision precision : kOfDevices) {
    const bool int8 = precision == UNSUPERPOSE_CUDA_INT8;
    if (int8 && (coarse_is_useless(ladder) || dims > kMostInt8Dims)) continue;
    found.push_back(precision);
  }
  return found;
}

}  // namespace

Scorer::Scorer(const Rows& rows, const std::vector<float>& weights, bool nonnegative, Ladder ladder,
               bool by_norm)
    : rows_(rows), weights_(weights), nonnegative_(nonnegative), by_norm_(by_norm) {
  double norm = rows.norm;
  if (!weights.empty() || by_norm) {
    scale_.resize(rows.count);
    largest_scale_ = norm = 0;
    for (std::size_t j = 0; j < rows.count; ++j) {
      const double scale = 1 / weight(j);
      scale_[j] = static_cast<float>(scale);
      reliable_ = reliable_ && std::isnormal(scale_[j]);
      largest_scale_ = std::max(largest_scale_, scale);
      norm = std::max(norm, rows.norms[j] * scale);
    }
  }
  reliable_ = reliable_ && norm < kMostStrength;
  const double hidden = rows.hidden * largest_scale_;
  const auto add = [&](Precision precision, std::optional<UnsuperposeCudaPrecision> device) {
    ladder_.push_back({precision, {norm, 0, hidden}, false, device});
    if (ladder != Ladder::useful) return;
    // Useless for every vector: rows of very different sizes, or entries of very different sizes in a row.
    const Rung& rung = measure(ladder_.size() - 1);
    if (!(rung.rows.moved < kUsefulShare * rung.rows.norm)) ladder_.pop_back();
  };
  if (rows.device)
    for (const UnsuperposeCudaPrecision precision : device_precisions(rows.dims, ladder))
      add(Precision::float32, precision);
  else
    for (const Precision precision : rounded_precisions(rows.dims, ladder)) add(precision, {});
  ladder_.push_back({Precision::float32, {norm, 0, hidden}, true});
  selections_.resize(ladder_.size());
  scans_.resize(ladder_.size());
}

Scorer::Rung& Scorer::measure(std::size_t rung) {
  Rung& measured = ladder_[rung];
  if (measured.measured) return measured;
  std::vector<float> moved;
  if (measured.device) moved = rows_.device->moved(*measured.device);
  const std::vector<float>& errors = measured.device ? moved : rows_.packed(measured.precision).errors();
  if (scale_.empty()) measured.rows.moved = reduce::table().max_absolute(errors.data(), errors.size());
  for (std::size_t j = 0; j < scale_.size(); ++j)
    measured.rows.moved = std::max(measured.rows.moved, static_cast<double>(errors[j]) * (1 / weight(j)));
  measured.measured = true;
  return measured;
}

bool Scorer::tells(std::size_t rung, double share) {
  const Rung& measured = measure(rung);
  return measured.rows.moved < share * measured.rows.norm;
}

std::size_t Scorer::telling_rung() {
  constexpr double kFine = 0.01;
  std::size_t rung = 0;
  while (rung < last_rung() && !tells(rung, kFine)) ++rung;
  return rung;
}

/// Of a request's strengths; its vector is number `member` of those rounded.
double Scorer::error_of(const Rung& rung, const Request& request, std::size_t member) const {
  if (rung.device) {
    const DeviceScan& scan = *scans_[static_cast<std::size_t>(&rung - ladder_.data())];
    const double norm = scan.norm(member) + scan.moved(member);
    return device_error(*rung.device == UNSUPERPOSE_CUDA_INT8, rows_.dims, scan.norm(member),
                        scan.moved(member), rung.rows.norm, rung.rows.moved, largest_scale_) +
           (1 + kSlack) * (norm * rung.rows.hidden + request.hidden * rung.rows.norm) + request.besides;
  }
  const Size vector = rung.precision == Precision::float32
                          ? Size{request.norm, 0, request.hidden}
                          : Size{rounded_.norm(member), rounded_.error(member), request.hidden};
  return strength_error(rung.precision, rows_.dims, vector, rung.rows, largest_scale_) + request.besides;
}

/// The vectors of the members, rounded where the precision asks for it.
void Scorer::gather(const Rung& rung, ConstMatrix32 vectors, std::span<const Request> requests,
                    const Execution& execution) {
  members_.rows.resize(members_.requests.size());
  for (std::size_t m = 0; m < members_.rows.size(); ++m)
    members_.rows[m] = requests[members_.requests[m]].row;
  if (rung.device) {
    if (device_vectors_)
      scan(rung).set_vectors(*device_vectors_, members_.rows, *rung.device);
    else
      scan(rung).set_vectors(vectors, members_.rows, *rung.device);
    return;
  }
  if (rung.precision != Precision::float32)
    rounded_.assign({vectors, members_.rows.data(), members_.rows.size()}, rung.precision,
                    rows_.packed(rung.precision).isa(), execution);
}

/// The same for all requests at one rung.
const Scorer::Rung& Scorer::gather_all(std::size_t rung, ConstMatrix32 vectors,
                                       std::span<const Request> requests, const Execution& execution) {
  found_.assign(requests.size(), {});
  members_.requests.resize(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) members_.requests[i] = static_cast<std::uint32_t>(i);
  const Rung& at = measure(rung);
  gather(at, vectors, requests, execution);
  return at;
}

/// Where a device scores it.
void Scorer::locate(Scored& scored, const Rung& rung, std::size_t member) {
  if (!rung.device) return;
  scored.scan = &scan(rung);
  scored.vector = static_cast<std::uint32_t>(member);
}

DeviceScan& Scorer::scan(const Rung& rung) {
  std::unique_ptr<DeviceScan>& scan = scans_[static_cast<std::size_t>(&rung - ladder_.data())];
  if (!scan) scan = std::make_unique<DeviceScan>(*rows_.device);
  return *scan;
}

bool Scorer::select(std::size_t step, const Rung& rung, ConstMatrix32 vectors, const float* floors,
                    std::size_t capacity, const Execution& execution) {
  capacity = std::min(rows_.count, capacity);
  product::SelectOptions select = options();
  if (rung.device) {
    scan(rung).strongest(floors, select.scale, nonnegative_, capacity);
  } else {
    select.capacity = capacity;
    select.floor = floors;
    product::select(left(rung, vectors), rows_.packed(rung.precision), select, selections_[step], execution);
  }
  if (execution.cancelled()) return false;
  for (std::size_t m = 0; m < members_.requests.size(); ++m) {
    Scored& scored = found_[members_.requests[m]];
    scored.entries = rung.device ? scan(rung).entries(m) : selections_[step].row(m);
    scored.count = rung.device ? scan(rung).count(m) : selections_[step].count[m];
    scored.full = scored.count == capacity && scored.count < rows_.count;
    if (scored.full) scored.unlisted = strength(scored.entries[scored.count - 1]) + scored.error;
  }
  return true;
}

product::LeftRows Scorer::left(const Rung& rung, ConstMatrix32 vectors) const {
  product::LeftRows left(vectors, members_.rows.data(), members_.rows.size());
  if (rung.precision != Precision::float32) left.rounded = &rounded_;
  return left;
}

product::SelectOptions Scorer::options() const {
  product::SelectOptions options;
  options.positive_only = nonnegative_;
  options.scale = scale_.empty() ? nullptr : scale_.data();
  return options;
}

/// Calls pass(step, rung) with the members that are to be scored at a rung, their floors, errors and rounded vectors made.
template <class Pass>
void Scorer::climb(ConstMatrix32 vectors, std::span<Request> requests, bool to_exact,
                   const Execution& execution, const Pass& pass) {
  found_.assign(requests.size(), {});
  for (std::size_t step = 0; step < ladder_.size() && !execution.cancelled(); ++step) {
    const bool last = step + 1 == ladder_.size();
    members_.requests.clear();
    for (std::size_t i = 0; i < requests.size(); ++i)
      if (requests[i].rung == step) members_.requests.push_back(static_cast<std::uint32_t>(i));
    if (members_.requests.empty()) continue;
    const Rung& rung = measure(step);
    gather(rung, vectors, requests, execution);
    if (execution.cancelled()) return;
    if (!last || to_exact) {
      // Those whose bound is useless climb; the others close their ranks. Past float32 any bound below the threshold
      // will do: what is left then has to be evaluated whole.
      const double share = last ? 1 : kUsefulShare;
      std::size_t stay = 0;
      for (std::size_t m = 0; m < members_.requests.size(); ++m) {
        Request& request = requests[members_.requests[m]];
        const double error = error_of(rung, request, m);
        const bool tells =
            request.rough ? !to_exact || std::isfinite(error) : error <= share * request.threshold;
        if (!tells) {
          ++request.rung;
          if (last) found_[members_.requests[m]].undecided = true;
          continue;
        }
        members_.requests[stay++] = members_.requests[m];
      }
      if (stay == 0) continue;
      if (stay < members_.requests.size()) {
        members_.requests.resize(stay);
        gather(rung, vectors, requests, execution);
        if (execution.cancelled()) return;
      }
    }
    // Where signs count, a score below 0 may be one above 0 that the error has moved.
    const bool below = to_exact && nonnegative_;
    const double lowest = below ? -std::numeric_limits<double>::infinity() : 0;
    members_.floors.resize(members_.requests.size());
    for (std::size_t m = 0; m < members_.requests.size(); ++m) {
      const Request& request = requests[members_.requests[m]];
      Scored& scored = found_[members_.requests[m]];
      locate(scored, rung, m);
      scored.error = error_of(rung, request, m);
      const double floor = std::max(lowest, request.threshold * (1 - kSlack) - scored.error);
      members_.floors[m] = std::nextafter(static_cast<float>(floor), static_cast<float>(lowest));
      scored.unlisted = static_cast<double>(members_.floors[m]) + scored.error;
    }
    if (!pass(step, rung)) return;
  }
}

void Scorer::score(ConstMatrix32 vectors, std::span<Request> requests, std::size_t capacity,
                   const Execution& execution) {
  climb(vectors, requests, false, execution, [&](std::size_t step, const Rung& rung) {
    if (!select(step, rung, vectors, members_.floors.data(), capacity, execution)) return false;
    for (std::size_t m = 0; m < members_.requests.size(); ++m) {
      Scored& scored = found_[members_.requests[m]];
      if (!reliable_ && scored.count < rows_.count) scored.unlisted = std::numeric_limits<double>::infinity();
    }
    return true;
  });
}

void Scorer::above(ConstMatrix32 vectors, std::span<Request> requests, const Execution& execution) {
  lists_.resize(requests.size());
  climb(vectors, requests, true, execution, [&](std::size_t, const Rung& rung) {
    product::SelectOptions select = options();
    if (rung.device) {
      DeviceScan& on_device = scan(rung);
      on_device.above(members_.floors.data(), select.scale, nonnegative_);
      for (std::size_t m = 0; m < members_.requests.size(); ++m) {
        Scored& scored = found_[members_.requests[m]];
        std::vector<product::Entry>& list = lists_[members_.requests[m]];
        list.assign(on_device.entries(m), on_device.entries(m) + on_device.count(m));
        scored.entries = list.data();
        scored.count = list.size();
      }
      return true;
    }
    select.floor = members_.floors.data();
    const Status status = product::above(left(rung, vectors), rows_.packed(rung.precision), select,
                                         std::numeric_limits<std::size_t>::max(), passed_, execution);
    if (!status.ok()) return false;  // cancelled: there is no limit
    for (std::size_t m = 0; m < members_.requests.size(); ++m) {
      std::vector<product::Entry>& list = lists_[members_.requests[m]];
      std::swap(list, passed_[m]);
      Scored& scored = found_[members_.requests[m]];
      scored.entries = list.data();
      scored.count = list.size();
    }
    return true;
  });
}

void Scorer::list(std::size_t rung, ConstMatrix32 vectors, std::span<Request> requests, std::size_t capacity,
                  const Execution& execution) {
  const Rung& at = gather_all(rung, vectors, requests, execution);
  if (execution.cancelled()) return;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    requests[i].rung = static_cast<std::uint8_t>(rung);
    locate(found_[i], at, i);
    found_[i].error = error_of(at, requests[i], i);
  }
  if (!select(rung, at, vectors, nullptr, capacity, execution)) return;
  for (Scored& scored : found_) {
    if (!scored.full && scored.count < rows_.count)
      scored.unlisted = std::numeric_limits<double>::infinity();  // scores that are NaN are in no list
  }
}

void Scorer::contend(std::size_t rung, ConstMatrix32 vectors, std::span<Request> requests, std::size_t wanted,
                     std::size_t capacity, const Execution& execution) {
  wanted = std::min(wanted, rows_.count);
  if (ladder_[rung].device) {
    list(rung, vectors, requests, capacity, execution);
    if (execution.cancelled()) return;
    for (Scored& scored : found_) {
      const Contenders open = contenders(*this, scored, rows_.count, wanted);
      scored.count = open.decided ? open.count : 0;
      scored.undecided = !open.decided;
    }
    return;
  }
  const Rung& at = gather_all(rung, vectors, requests, execution);
  if (execution.cancelled()) return;
  margins_.assign(requests.size(), 0);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    requests[i].rung = static_cast<std::uint8_t>(rung);
    Scored& scored = found_[i];
    scored.error = error_of(at, requests[i], i);
    const double norm = at.precision == Precision::float32 ? requests[i].norm : rounded_.norm(i);
    // Sums that overflow may be NaN, and no list has them.
    scored.undecided = !(reliable_ && norm * largest() < kMostStrength && std::isfinite(scored.error));
    if (!scored.undecided)
      margins_[i] =
          std::nextafter(static_cast<float>(2 * scored.error), std::numeric_limits<float>::infinity());
  }
  product::ContenderOptions asked;
  asked.wanted = wanted;
  asked.margins = margins_.data();
  asked.capacity = capacity;
  asked.positive_only = nonnegative_;
  asked.scale = scale_.empty() ? nullptr : scale_.data();
  product::contenders(left(at, vectors), rows_.packed(at.precision), asked, contenders_, execution);
  if (execution.cancelled()) return;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    Scored& scored = found_[i];
    scored.undecided = scored.undecided || !contenders_.fits[i] || contenders_.count[i] < wanted;
    if (scored.undecided) continue;
    scored.entries = contenders_.row(i);
    scored.count = contenders_.count[i];
  }
}

void Scorer::every(std::size_t rung, ConstMatrix32 vectors, std::span<Request> requests, Matrix32 out,
                   const Execution& execution) {
  const Rung& at = gather_all(rung, vectors, requests, execution);
  if (execution.cancelled()) return;
  product::store(left(at, vectors), rows_.packed(at.precision), out, execution);
  for (std::size_t i = 0; i < requests.size(); ++i) found_[i].error = error_of(at, requests[i], i);
}

Status Scorer::computed_above(ConstMatrix32 vectors, std::span<const std::uint32_t> rows, const float* floors,
                              std::vector<std::vector<product::Entry>>& out,
                              const Execution& execution) const {
  product::SelectOptions select = options();
  select.floor = floors;
  return product::above({vectors, rows.data(), rows.size()}, rows_.packed(Precision::float32), select,
                        std::numeric_limits<std::size_t>::max(), out, execution);
}

}  // namespace unsuperpose::scoring
