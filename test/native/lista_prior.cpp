// Samples of a prior: their moments, densities and noise; the same for any number of threads. Prints one line; exits 1 if not.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "lista_learning.hpp"

using namespace unsuperpose;
using namespace unsuperpose::check;

namespace {

void prior_samples() {
  const std::vector<float> dictionary = atoms(1, true);
  const ConstMatrix32 d = view(dictionary, kDims);
  constexpr std::size_t kRows = 4000;
  const double n = static_cast<double>(kRows);
  constexpr double kSigmas = 5;
  // Mean, mean square and mean fourth power of a value without its sign.
  struct Row {
    PriorValues values;
    double absolute, square, fourth;
  };
  const Row all[] = {{PriorValues::normal, std::sqrt(2 / 3.14159265358979), 1, 3},
                     {PriorValues::uniform, 1, 1 + 1.0 / 12, 1 + 6.0 / 12 + 1.0 / 80},
                     {PriorValues::exponential, 1, 2, 24},
                     {PriorValues::one, 1, 1, 1}};
  for (const Row& row : all)
    for (const bool nonnegative : {false, true})
      for (const double snr : {std::numeric_limits<double>::infinity(), 20.0}) {
        ListaPrior prior;
        prior.density = 0.1;
        prior.values = row.values;
        prior.snr = snr;
        std::vector<float> x, again;
        SparseCodes codes, codes_again;
        draw_samples(prior, nonnegative, d, 7, 3, kRows, Execution{3}, x, codes);
        draw_samples(prior, nonnegative, d, 7, 3, 50, {}, again, codes_again);
        that(std::memcmp(x.data(), again.data(), again.size() * sizeof(float)) == 0 &&
                 std::equal(codes_again.values.begin(), codes_again.values.end(), codes.values.begin()) &&
                 std::equal(codes_again.indices.begin(), codes_again.indices.end(), codes.indices.begin()),
             "sample i does not depend on how many there are, or threads");
        const double count = static_cast<double>(codes.values.size()), places = n * kFeatures;
        that(std::fabs(count - 0.1 * places) <= kSigmas * std::sqrt(places * 0.1 * 0.9), "density");
        double sum = 0, absolute = 0, square = 0;
        for (const float value : codes.values) {
          const double v = static_cast<double>(value);
          that(!nonnegative || v > 0, "nonnegative values");
          sum += v;
          absolute += std::fabs(v);
          square += v * v;
        }
        that(std::fabs(absolute / count - row.absolute) <=
                 kSigmas * std::sqrt((row.square - row.absolute * row.absolute) / count) + 1e-6,
             "mean size %.4f of %.4f", absolute / count, row.absolute);
        that(std::fabs(square / count - row.square) <=
                 kSigmas * std::sqrt((row.fourth - row.square * row.square) / count) + 1e-6,
             "mean square %.4f of %.4f", square / count, row.square);
        if (!nonnegative) that(std::fabs(sum / count) <= kSigmas * std::sqrt(row.square / count), "signs");
        // ‖noise‖²/(‖aD‖²·10^(−snr/10)) is χ² of dims, over dims.
        double relative = 0;
        std::size_t used = 0;
        for (std::size_t i = 0; i < kRows; ++i) {
          double clean = 0, noise = 0;
          for (std::size_t k = 0; k < kDims; ++k) {
            double exact = 0;
            for (std::uint32_t e = codes.indptr[i]; e < codes.indptr[i + 1]; ++e)
              exact += static_cast<double>(codes.values[e]) *
                       static_cast<double>(dictionary[codes.indices[e] * kDims + k]);
            const double off = static_cast<double>(x[i * kDims + k]) - exact;
            clean += exact * exact;
            noise += off * off;
          }
          if (std::isinf(snr)) that(noise <= 1e-13 * clean, "x = aD");
          if (clean == 0) continue;
          ++used;
          relative += noise / clean * 100;
        }
        if (!std::isinf(snr))
          that(std::fabs(relative / static_cast<double>(used) - 1) <=
                   kSigmas * std::sqrt(2.0 / (kDims * static_cast<double>(used))) + 1e-5,
               "noise");
      }
  ListaPrior prior = prior_of();
  std::vector<float> a, b, c;
  SparseCodes codes;
  draw_samples(prior, false, d, 7, 0, 20, {}, a, codes);
  draw_samples(prior, false, d, 7, 1, 20, {}, b, codes);
  draw_samples(prior, false, d, 8, 0, 20, {}, c, codes);
  that(!same(a, b) && !same(a, c) && !same(b, c), "batches and seeds differ");
}

}  // namespace

int main() {
  prior_samples();
  return check::finish();
}
