// A dictionary that changes against one made afresh from the same atoms: after every one of many random changes all that solvers read
// must be the same bits. And rows packed one at a time against rows packed as a whole, on every level. Prints one line; exits 1 if not.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <numeric>
#include <vector>

#include "../../native/core/random.hpp"
#include "../../native/kernels/product/product.hpp"
#include "../../native/scoring/mutable_dictionary.hpp"

using namespace unsuperpose;
using product::PackedRows;
using product::Precision;

namespace {

constexpr std::size_t kBudget = std::size_t{1} << 30;

long compared = 0, wrong = 0;

void expect(bool holds, const char* what) {
  ++compared;
  if (holds) return;
  if (++wrong <= 10) std::printf("not so: %s\n", what);
}

bool available(Precision precision, std::size_t dims, Isa isa = active_isa()) {
  return precision == Precision::float32 || product::rounded_kernels(precision, dims, isa);
}

template <class T>
bool same(const T* a, const T* b, std::size_t count) {
  return count == 0 || std::memcmp(a, b, count * sizeof(T)) == 0;
}

void compare(const PackedRows& a, const PackedRows& b) {
  expect(a.rows() == b.rows() && a.dims() == b.dims() && a.words() == b.words() && a.panel() == b.panel() &&
             a.precision() == b.precision() && a.isa() == b.isa(),
         "packed shape");
  const std::size_t padded = round_up(b.rows(), b.panel());
  expect(same(a.data(), b.data(), padded * b.words()), "packed words");
  if (b.precision() == Precision::float32) return;
  expect(same(a.scales(), b.scales(), padded), "scales");
  expect(a.errors().size() == b.errors().size() && same(a.errors().data(), b.errors().data(), b.rows()),
         "errors");
}

void compare(const Dictionary& a, const Dictionary& b) {
  expect(a.features() == b.features() && a.dims() == b.dims() && a.atoms().stride == b.atoms().stride,
         "shape");
  expect(same(a.atom(0), b.atom(0), b.features() * b.atoms().stride), "atoms and their padding");
  expect(std::signbit(a.max_norm()) == std::signbit(b.max_norm()) && a.max_norm() == b.max_norm(),
         "max_norm");
  for (std::size_t j = 0; j < b.features(); ++j) expect(a.norm(j) == b.norm(j), "norm");
  for (const Precision precision : product::kEveryPrecision)
    if (available(precision, b.dims())) compare(a.packed(precision), b.packed(precision));
}

void compare_gram(const Dictionary& a, const Dictionary& b) {
  std::vector<std::uint32_t> rows(b.features());
  std::iota(rows.begin(), rows.end(), 0u);
  const CompressedGram *left = &a.compressed_gram(), *right = &b.compressed_gram();
  expect(left->make(rows, kBudget, {}) && right->make(rows, kBudget, {}), "Gram rows are made");
  for (std::size_t i = 0; i < b.features(); ++i)
    expect(same(left->row(i), right->row(i), CompressedGram::stride(b.features())) &&
               left->scale(i) == right->scale(i) && left->error(i) == right->error(i) &&
               left->largest(i) == right->largest(i),
           "Gram row");
}

std::vector<float> row(Random& random, std::size_t dims) {
  std::vector<float> values(dims);
  const double size = random.below(8) == 0 ? 0 : std::pow(10.0f, static_cast<float>(random.below(12)) - 6);
  for (float& value : values) value = static_cast<float>(size * random.normal());
  return values;
}

/// What the dictionary should hold.
struct Plain {
  std::size_t dims;
  std::vector<std::vector<float>> rows;
  std::shared_ptr<const Dictionary> make() const {
    std::vector<float> all;
    for (const auto& one : rows) all.insert(all.end(), one.begin(), one.end());
    std::shared_ptr<const Dictionary> made;
    expect(Dictionary::make({all.data(), rows.size(), dims}, false, made).ok(), "made afresh");
    return made;
  }
};

void change(Random& random, MutableDictionary& dictionary, Plain& plain) {
  const std::size_t count = plain.rows.size(), dims = plain.dims;
  const std::uint64_t kind = count == 0 ? 1 : random.below(6);
  if (kind == 0) {  // a few atoms
    for (std::uint64_t n = random.below(5) + 1; n > 0; --n) {
      const std::size_t j = random.below(count);
      plain.rows[j] = row(random, dims);
      dictionary.set_atom(j, plain.rows[j].data());
    }
  } else if (kind == 1) {  // one or many more
    for (std::uint64_t n = random.below(3) == 0 ? random.below(70) + 1 : 1; n > 0; --n) {
      plain.rows.push_back(row(random, dims));
      dictionary.append(plain.rows.back().data());
    }
  } else if (kind == 2) {  // one entry of the longest atom
    std::size_t longest = 0;
    for (std::size_t j = 0; j < count; ++j)
      if (std::fabs(plain.rows[j][0]) > std::fabs(plain.rows[longest][0])) longest = j;
    dictionary.edit(longest)[0] = plain.rows[longest][0] = 0;
  } else if (kind == 3) {  // fewer, or more that are zero
    plain.rows.resize(std::max<std::size_t>(1, count + random.below(30) - 15 + (count < 15 ? 15 : 0)),
                      std::vector<float>(dims, 0));
    dictionary.resize(plain.rows.size());
  } else if (kind == 4 && random.below(3) == 0) {  // all
    plain.rows.resize(random.below(90) + 1);
    std::vector<float> all;
    for (auto& one : plain.rows) {
      one = row(random, dims);
      all.insert(all.end(), one.begin(), one.end());
    }
    dictionary.replace({all.data(), plain.rows.size(), dims});
  }
}

void changes(std::size_t dims, unsigned threads) {
  Random random(dims);
  MutableDictionary dictionary(dims);
  Plain plain{dims, {}};
  std::shared_ptr<const Dictionary> frozen, frozen_plain;
  const Execution execution{threads};
  for (int step = 0; step < 120; ++step) {
    for (std::uint64_t n = random.below(3) + 1; n > 0; --n) change(random, dictionary, plain);
    const Dictionary* now = nullptr;
    expect(dictionary.current(execution, now).ok() && now, "current");
    const auto fresh = plain.make();
    if (random.below(4) != 0) compare(*now, *fresh);  // sometimes copies stay behind for several changes
    if (random.below(6) == 0) compare_gram(*now, *fresh);
    if (frozen) compare(*frozen, *frozen_plain);  // what was given away stays as it was
    if (random.below(10) == 0) {
      expect(dictionary.freeze(execution, frozen).ok() && frozen.get() == now, "frozen without a copy");
      frozen_plain = fresh;
    }
  }
  const MutableDictionary copied(*frozen);
  expect(same(copied.atom(0), frozen->atom(0), frozen->features() * frozen->atoms().stride), "copied");
}

void refusals() {
  constexpr std::size_t kDims = 5;
  Random random(7);
  MutableDictionary dictionary(kDims);
  const Dictionary* now = nullptr;
  expect(dictionary.current({}, now).code == Code::shape && !now, "a dictionary without atoms");
  Plain plain{kDims, {}};
  for (int j = 0; j < 40; ++j) {
    plain.rows.push_back(row(random, kDims));
    dictionary.append(plain.rows.back().data());
  }
  expect(dictionary.current({}, now).ok(), "forty atoms");
  compare(*now, *plain.make());
  std::shared_ptr<const Dictionary> none;
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf(""), 1e30f}) {
    dictionary.edit(33)[2] = bad;
    dictionary.edit(4)[1] = 2;
    plain.rows[4][1] = 2;
    const Status refused = dictionary.current({}, now);
    const Status afresh = Dictionary::make(dictionary.atoms(), false, none);
    expect(!refused.ok() && refused.code == afresh.code && refused.message == afresh.message,
           "the same refusal");
    expect(!dictionary.freeze({}, none).ok() && !none, "freezing is refused too");
    dictionary.set_atom(33, plain.rows[33].data());
    expect(dictionary.current({}, now).ok(), "mended");
    compare(*now, *plain.make());
  }
}

void rows_one_at_a_time() {
  Random random(11);
  for (const Isa isa : supported_isas())
    for (const Precision precision : product::kEveryPrecision)
      for (const std::size_t dims : {1, 3, 16, 33, 130}) {
        if (!available(precision, dims, isa)) continue;
        PackedRows grown({nullptr, 0, dims}, isa, precision);
        std::vector<float> all;
        for (std::size_t count = 1; count <= 150; ++count) {
          const auto added = row(random, dims);
          all.insert(all.end(), added.begin(), added.end());
          grown.resize(count);
          grown.set_row(count - 1, added.data());
          if (count % 7 != 0 && count < 140) continue;
          compare(grown, PackedRows({all.data(), count, dims}, isa, precision));
        }
        for (const std::size_t count : {149, 129, 96, 65, 5}) {
          grown.resize(count);
          compare(grown, PackedRows({all.data(), count, dims}, isa, precision));
        }
      }
}

void entries_one_at_a_time() {
  Random random(12);
  for (const Isa isa : supported_isas())
    for (const std::size_t dims : {1, 3, 16, 33})
      for (const std::size_t count : {1, 5, 16, 65, 150}) {
        std::vector<float> all(count * dims, 0), values(count);
        PackedRows packed({all.data(), count, dims}, isa);
        for (std::size_t d = 0; d < dims; d += 2) {
          for (std::size_t j = 0; j < count; ++j)
            all[j * dims + d] = values[j] = static_cast<float>(random.normal());
          packed.set_entry(d, values.data());
        }
        compare(packed, PackedRows({all.data(), count, dims}, isa));
      }
}

}  // namespace

int main() {
  for (const std::size_t dims : {1, 5, 16, 37, 130})
    for (const unsigned threads : {1u, 3u}) changes(dims, threads);
  refusals();
  rows_one_at_a_time();
  entries_one_at_a_time();
  std::printf("level %s: %ld comparisons, %ld wrong\n", isa_name(active_isa()), compared, wrong);
  return wrong == 0 && compared > 0 ? 0 : 1;
}
