// The rounded precisions at every level and capability of this machine: what rounding a row says of itself, every score within its
// bound, and for whole numbers the exact bits: a sum of integers, converted, times two scales, each rounded once.
#include <algorithm>

#include "../../native/kernels/product/kernels.hpp"
#include "../../native/kernels/product/product.hpp"
#include "../../native/kernels/product/rounded.hpp"
#include "../../native/kernels/simd/avx2.hpp"
#include "check.hpp"

// The kernel for AVX-VNNI with the instruction written out, so that a processor with AVX2 runs it.
#if defined(UNSUPERPOSE_HAS_AVX2)
namespace {
__attribute__((target("avx2"))) __m256i dot_bytes(__m256i sums, __m256i right, __m256i left) {
  alignas(32) std::uint8_t u[32];
  alignas(32) std::int8_t s[32];
  alignas(32) std::uint32_t total[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(u), right);
  _mm256_store_si256(reinterpret_cast<__m256i*>(s), left);
  _mm256_store_si256(reinterpret_cast<__m256i*>(total), sums);
  for (std::size_t k = 0; k < 32; ++k) total[k / 4] += static_cast<std::uint32_t>(u[k] * s[k]);
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(total));
}
}  // namespace
#define UNSUPERPOSE_BEGIN_AVX_VNNI UNSUPERPOSE_BEGIN_AVX2
#define _mm256_dpbusd_avx_epi32 dot_bytes
#define avx2_vnni_int8 emulated_vnni
#include "../../native/kernels/product/avx2_vnni_int8.cpp"
#undef avx2_vnni_int8
#undef _mm256_dpbusd_avx_epi32
#endif

using namespace unsuperpose;
using check::Kind;
using product::Precision;

namespace {

std::size_t words_in(const product::RoundedKernels& kernels, std::size_t dims) {
  return (dims + kernels.word_dims - 1) / kernels.word_dims;
}

/// The words of a left row without those that sums start from.
std::vector<std::uint32_t> plain(const product::RoundedKernels& kernels, const std::uint32_t* left,
                                 std::size_t words) {
  std::vector<std::uint32_t> found;
  for (std::size_t w = 0; w < kernels.left_words(words); ++w)
    if (kernels.start_every == 0 || w % (kernels.start_every + 1) != 0) found.push_back(left[w]);
  return found;
}

/// Dim k of a rounded row, without its scale.
double rounded_entry(Precision precision, const std::uint32_t* words, std::size_t k) {
  if (precision == Precision::int8) return static_cast<std::int8_t>(words[k / 4] >> k % 4 * 8 & 0xff);
  const std::uint32_t half = words[k / 2] >> k % 2 * 16 & 0xffff;
  if (precision == Precision::bfloat16) return static_cast<double>(std::bit_cast<float>(half << 16));
  return static_cast<std::int16_t>(half);
}

/// What `round` claims must hold, and be tight: within twice a part in 4,000 of the exact
/// norms (float32 sums of squares are rounded too).
void rounding(Isa isa, Precision precision, const float* row, std::size_t dims, bool as_left) {
  const product::RoundedKernels& kernels = *product::rounded_kernels(precision, dims, isa);
  const std::size_t count = words_in(kernels, dims), word_dims = kernels.word_dims;
  check::Guarded<std::uint32_t> made_words(as_left ? kernels.left_words(count) : count);
  product::Rounding made;
  const int levels = product::levels(precision, dims);
  (as_left && kernels.round_left ? kernels.round_left : kernels.round)(row, dims, levels, made_words.data(),
                                                                       &made);
  const std::vector<std::uint32_t> words =
      as_left ? plain(kernels, made_words.data(), count)
              : std::vector<std::uint32_t>(made_words.data(), made_words.data() + count);
  const auto scale = static_cast<double>(made.scale);
  double squares = 0, errors = 0, sum = 0;
  for (std::size_t k = 0; k < count * word_dims; ++k) {
    const double entry = rounded_entry(precision, words.data(), k);
    if (k >= dims) {
      check::that(entry == 0, "round, %s: %g after the last dim", isa_name(isa), entry);
      continue;
    }
    check::that(levels == 0 || std::fabs(entry) <= levels, "round, %s: %g beyond %d levels", isa_name(isa),
                entry, levels);
    const double error = static_cast<double>(row[k]) - scale * entry;
    squares += scale * entry * scale * entry;
    errors += error * error;
    sum += entry;
  }
  const double norm = std::sqrt(squares), error = std::sqrt(errors);
  constexpr double kRoom = 1e-12, kLoose = 0x1.0p-11;
  check::that(made.norm >= norm * (1 - kRoom), "norm, %s, %s: %g, claimed %g",
              product::precision_name(precision), isa_name(isa), norm, made.norm);
  check::that(made.error >= error * (1 - kRoom), "error, %s, %s: %g, claimed %g",
              product::precision_name(precision), isa_name(isa), error, made.error);
  check::near(made.norm, norm, norm * kLoose, "norm that is tight", isa, dims);
  if (precision == Precision::int8)
    check::that(made.sum == static_cast<std::int32_t>(sum), "sum, %s: %d, expected %g", isa_name(isa),
                made.sum, sum);
  check::watched(made_words.intact(), "round", isa, dims);
}

void scores(Isa isa, Precision precision, const check::Guarded<float>& atoms,
            const check::Guarded<float>& rows, std::size_t features, std::size_t count, std::size_t dims) {
  const Execution execution;
  const product::PackedRows packed({atoms.data(), features, dims}, isa, precision);
  product::LeftRows left(ConstMatrix32(rows.data(), count, dims));
  const product::RoundedKernels& kernels = *product::rounded_kernels(precision, dims, isa);
  const std::size_t words = words_in(kernels, dims);
  product::RoundedRows rounded;
  rounded.assign(left, precision, isa, execution);
  std::vector<std::vector<std::uint32_t>> left_rows(count),
      right_rows(features, std::vector<std::uint32_t>(words));
  for (std::size_t i = 0; i < count; ++i) left_rows[i] = plain(kernels, rounded.row(i), words);
  for (std::size_t j = 0; j < features; ++j) {
    product::Rounding made;
    kernels.round(atoms.data() + j * dims, dims, product::levels(precision, dims), right_rows[j].data(),
                  &made);
  }
  left.rounded = &rounded;
  check::Guarded<float> out(count * features);
  product::store(left, packed, {out.data(), count, features}, execution);
  check::watched(out.intact(), "store", isa, dims);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = 0; j < features; ++j) {
      double exact = 0, square = 0;
      std::int64_t integers = 0;
      for (std::size_t k = 0; k < dims; ++k) {
        const double d = static_cast<double>(atoms[j * dims + k]);
        exact += d * static_cast<double>(rows[i * dims + k]);
        square += d * d;
        if (precision != Precision::bfloat16)
          integers += static_cast<std::int64_t>(rounded_entry(precision, left_rows[i].data(), k) *
                                                rounded_entry(precision, right_rows[j].data(), k));
      }
      const double norm = std::sqrt(square) * (1 + 1e-12), got = static_cast<double>(out[i * features + j]);
      const double bound = product::score_error(precision, dims, rounded.norm(i), rounded.error(i), norm,
                                                static_cast<double>(packed.errors()[j]));
      check::near(got, exact, bound, product::precision_name(precision), isa, dims);
      if (precision != Precision::bfloat16)
        check::same(out[i * features + j],
                    static_cast<float>(integers) * packed.scales()[j] * rounded.scales()[i],
                    "score of whole numbers", isa, dims);
    }
}

/// The kernel for AVX-VNNI over an emulated instruction, against sums of integers.
void emulated(std::size_t dims) {
#if defined(UNSUPERPOSE_HAS_AVX2)
  if (!product::kernels(Isa::avx2) || supported_isas().size() < 2) return;
  const product::RoundedKernels& kernels = product::emulated_vnni::kKernels;
  const std::size_t words = words_in(kernels, dims), panel = product::kernels(Isa::avx2)->panel;
  Random random(dims);
  const auto left = check::floats(random, kernels.rows * dims, Kind::gaussian);
  const auto right = check::floats(random, panel * dims, Kind::gaussian);
  check::Guarded<std::uint32_t> lefts(kernels.rows * words), rights(panel * words), row(words);
  std::vector<std::vector<double>> l(kernels.rows), r(panel);
  std::vector<std::int32_t> starts;
  std::vector<float> left_scales, right_scales;
  const auto round = [&](const float* x, std::vector<double>& entries) {
    product::Rounding made;
    kernels.round(x, dims, 127, row.data(), &made);
    for (std::size_t k = 0; k < dims; ++k) entries.push_back(rounded_entry(Precision::int8, row.data(), k));
    return made;
  };
  for (std::size_t i = 0; i < kernels.rows; ++i) {
    const product::Rounding made = round(left.data() + i * dims, l[i]);
    starts.push_back(-128 * made.sum);
    left_scales.push_back(made.scale);
    for (std::size_t w = 0; w < words; ++w) lefts[w * kernels.rows + i] = row[w];
  }
  for (std::size_t j = 0; j < panel; ++j) {
    right_scales.push_back(round(right.data() + j * dims, r[j]).scale);
    for (std::size_t w = 0; w < words; ++w) rights[w * panel + j] = row[w] ^ 0x80808080;
  }
  check::Guarded<float> out(kernels.rows * panel);
  kernels.multiply(kernels.rows, lefts.data(), rights.data(), words, starts.data(), left_scales.data(),
                   right_scales.data(), out.data(), panel);
  for (std::size_t i = 0; i < kernels.rows; ++i)
    for (std::size_t j = 0; j < panel; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < dims; ++k) sum += l[i][k] * r[j][k];
      check::same(out[i * panel + j], static_cast<float>(sum) * right_scales[j] * left_scales[i],
                  "AVX-VNNI, emulated", Isa::avx2, dims);
    }
#else
  static_cast<void>(dims);
#endif
}

/// Rows that fill the 16 bits of a block's sums: entries of one size, whose signs agree, alternate, or do so by pairs.
void full_blocks(Isa isa, Precision precision, std::size_t dims) {
  constexpr std::size_t kPatterns = 6;
  check::Guarded<float> rows(kPatterns * dims);
  for (std::size_t k = 0; k < dims; ++k) {
    rows[k] = 1;
    rows[dims + k] = -1;
    rows[2 * dims + k] = k % 2 ? -1.0f : 1.0f;
    rows[3 * dims + k] = k / 2 % 2 ? -1.0f : 1.0f;
    rows[4 * dims + k] = k % 4 < 2 ? 1.0f : 0.0f;
    rows[5 * dims + k] = k == dims / 2 ? -1e6f : 1.0f;
  }
  scores(isa, precision, rows, rows, kPatterns, kPatterns, dims);
}

}  // namespace

int main() {
  for (std::size_t dims = 1; dims < 140; ++dims) emulated(dims);
  long kernels = 0;
  for (const Isa isa : supported_isas())
    for (const Precision precision : product::kEveryPrecision) {
      if (!product::rounded_kernels(precision, 1, isa)) continue;
      ++kernels;
      std::printf("%s, %s\n", isa_name(isa), product::precision_name(precision));
      Random random(21);
      for (std::size_t dims = 1; dims <= 1029; dims += dims < 70 ? 1 : 83)
        for (const Kind kind : check::kKinds) {
          // Tiles have up to 96 rows.
          const std::size_t counts[] = {1 + dims % 13, 15 + dims % 19, 33 + dims % 5, 90 + dims % 9};
          const std::size_t count = counts[dims % 4], features = 1 + (29 * dims) % 70;
          const auto atoms = check::floats(random, features * dims,
                                           kind == Kind::tiny || kind == Kind::ties ? kind : Kind::gaussian);
          auto rows = check::floats(random, count * dims, kind);
          if (dims % 3 == 0) std::fill_n(rows.data(), dims, 0.0f);
          for (std::size_t i = 0; i < count; ++i)
            for (const bool as_left : {false, true})
              rounding(isa, precision, rows.data() + i * dims, dims, as_left);
          scores(isa, precision, atoms, rows, features, count, dims);
        }
      for (std::size_t dims = 1; dims < 140; ++dims) full_blocks(isa, precision, dims);
      // Sums as large as can be: all levels of one sign, at dims near the most that fit.
      for (const std::size_t dims : {700, 20000}) {
        if (!product::rounded_kernels(precision, dims, isa)) continue;
        check::Guarded<float> atoms(2 * dims), rows(2 * dims);
        for (std::size_t k = 0; k < 2 * dims; ++k) {
          atoms[k] = 1;
          rows[k] = k < dims ? 1.0f : -1.0f;
        }
        scores(isa, precision, atoms, rows, 2, 2, dims);
      }
    }
  std::printf("%ld kernels\n", kernels);
  // Without AVX2 or Arm's extensions there are none, and nothing to check.
  return check::finish() == 0 || kernels == 0 ? 0 : 1;
}
