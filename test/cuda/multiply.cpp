// Products of pairs on a device: the bits of the CPU's, at every level that this processor has; and what is above 0 as a device scores it, which is what
// they are asked of. Runs on the emulation, and on a GPU (npm run gpu-check).
#include <bit>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "../../native/kernels/dots/dots.hpp"
#include "../../native/scoring/dictionary.hpp"
#include "../../native/scoring/scorer.hpp"
#include "table.hpp"

using namespace unsuperpose;

namespace {

constexpr std::size_t kVectors = 9, kRows = 130;

/// Entries of very different sizes: no two orders of a sum agree.
std::vector<float> entries(std::mt19937& random, std::size_t n) {
  std::normal_distribution<float> normal;
  std::vector<float> made(n);
  for (float& v : made) v = normal(random) * std::ldexp(1.0f, static_cast<int>(random() % 60) - 30);
  return made;
}

/// Lists of pairs: of vectors in any order, some twice, some without pairs.
struct Lists {
  std::vector<std::uint32_t> which, indices;
  std::vector<std::uint64_t> begin{0};
};
Lists lists(std::mt19937& random) {
  Lists made;
  for (const std::size_t length :
       {std::size_t{3}, std::size_t{0}, std::size_t{1}, std::size_t{200}, std::size_t{64}, std::size_t{0}}) {
    made.which.push_back(static_cast<std::uint32_t>(random() % kVectors));
    for (std::size_t e = 0; e < length; ++e)
      made.indices.push_back(static_cast<std::uint32_t>(random() % kRows));
    made.begin.push_back(made.indices.size());
  }
  return made;
}

/// How many products differ from a level's.
std::size_t different(const Lists& pairs, const std::vector<double>& found, const dots::Table& level,
                      const std::vector<float>& rows, const std::vector<float>& vectors, std::size_t stride,
                      std::size_t dims, const std::vector<std::uint32_t>& pick) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < pairs.which.size(); ++i)
    for (std::size_t e = pairs.begin[i]; e < pairs.begin[i + 1]; ++e) {
      const std::size_t v = pick.empty() ? pairs.which[i] : pick[pairs.which[i]];
      const double own =
          level.dot(rows.data() + pairs.indices[e] * stride, vectors.data() + v * stride, dims);
      count += std::bit_cast<std::uint64_t>(own) != std::bit_cast<std::uint64_t>(found[e]) ? 1 : 0;
    }
  return count;
}

void test(std::size_t stride, std::size_t dims, unsigned seed) {
  std::mt19937 random(seed);
  const std::vector<float> rows = entries(random, kRows * stride),
                           vectors = entries(random, kVectors * stride);
  UnsuperposeCudaError error;
  UnsuperposeCudaRows *right = nullptr, *left = nullptr;
  UnsuperposeCudaScan* scan = nullptr;
  const UnsuperposeCudaMatrix of_rows{rows.data(), stride, kRows, stride, nullptr},
      of_vectors{vectors.data(), stride, kVectors, stride, nullptr};
  require(table.upload(0, &of_rows, &right, &error), error);
  require(table.upload(0, &of_vectors, &left, &error), error);
  require(table.open(right, &scan, &error), error);
  std::vector<double> norms(kVectors), moved(kVectors);
  const std::vector<std::uint32_t> pick = {8, 7, 6, 5, 4, 3, 2, 1, 0};
  const Lists pairs = lists(random);
  for (const bool from_device : {false, true}) {
    if (from_device)
      require(table.set_rows(scan, left, pick.data(), pick.size(), UNSUPERPOSE_CUDA_INT8, norms.data(),
                             moved.data(), &error),
              error);
    else
      require(
          table.set_vectors(scan, &of_vectors, UNSUPERPOSE_CUDA_FLOAT16, norms.data(), moved.data(), &error),
          error);
    for (const Isa isa : supported_isas()) {
      const dots::Table* const level = dots::table(isa);
      if (!level) continue;
      const UnsuperposeCudaPairs asked{pairs.which.size(),
                                       pairs.which.data(),
                                       pairs.begin.data(),
                                       pairs.indices.data(),
                                       dims,
                                       static_cast<std::uint32_t>(level->chains)};
      std::vector<double> found(pairs.indices.size(), -1);
      require(table.multiply(scan, &asked, found.data(), &error), error);
      EXPECT(different(pairs, found, *level, rows, vectors, stride, dims,
                       from_device ? pick : std::vector<std::uint32_t>()) == 0);
    }
  }
  const UnsuperposeCudaPairs odd{
      pairs.which.size(), pairs.which.data(), pairs.begin.data(), pairs.indices.data(), dims, 3};
  std::vector<double> unused(pairs.indices.size());
  EXPECT(table.multiply(scan, &odd, unused.data(), &error) == UNSUPERPOSE_CUDA_FAILED);
  table.close(scan);
  table.release(left);
  table.release(right);
}

/// Of features above 0 a device lists all, and of the others those few that its error leaves open.
void test_positive() {
  constexpr std::size_t kDims = 64;
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  std::vector<float> rows(kRows * kDims), vectors(kVectors * kDims);
  for (float& v : rows) v = normal(random);
  for (float& v : vectors) v = normal(random);
  std::shared_ptr<const Dictionary> dictionary;
  EXPECT(Dictionary::make({rows.data(), kRows, kDims}, false, dictionary).ok());
  device::Device* gpu = nullptr;
  EXPECT(device::use(&table).ok() && device::find(0, gpu).ok());
  const std::vector<float> no_weights;
  scoring::Scorer scorer(dictionary->rows(gpu), no_weights, true, scoring::Ladder::finest);
  std::vector<scoring::Request> requests(kVectors);
  for (std::uint32_t i = 0; i < kVectors; ++i) {
    requests[i].row = i;
    requests[i].norm = 2 * std::sqrt(static_cast<double>(kDims));
    requests[i].rough = true;
  }
  scorer.above({vectors.data(), kVectors, kDims}, requests, Execution());
  for (std::size_t i = 0; i < kVectors; ++i) {
    const scoring::Scored& scored = scorer[i];
    EXPECT(!scored.undecided && scored.scan && scored.vector == i);
    std::size_t positive = 0, listed = 0;
    for (std::uint32_t j = 0; j < kRows; ++j) {
      if (!(dots::table().dot(rows.data() + j * kDims, vectors.data() + i * kDims, kDims) > 0)) continue;
      ++positive;
      for (std::size_t e = 0; e < scored.count; ++e) listed += scored.entries[e].index == j ? 1 : 0;
    }
    EXPECT(positive > 0 && listed == positive);
    // A score above −error is of a product above −2 errors.
    for (std::size_t e = 0; e < scored.count; ++e)
      EXPECT(dots::table().dot(rows.data() + scored.entries[e].index * kDims, vectors.data() + i * kDims,
                               kDims) > -2.001 * scored.error);
    EXPECT(scored.error < 0.5);  // products are of size 8
  }
}

}  // namespace

int main() {
  test_positive();
  for (const std::size_t stride : {1, 3, 4, 15, 16, 17, 33, 100, 257})
    test(stride, stride, static_cast<unsigned>(stride));
  test(40, 39, 5);
  test(40, 1, 6);
  return ended();
}
