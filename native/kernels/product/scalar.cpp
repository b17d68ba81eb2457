#include "kernels.hpp"
#include "../simd/scalar.hpp"

namespace unsuperpose::product::scalar {
using namespace simd::scalar;
using simd::scalar::max, simd::scalar::store;  // not the product's
// 8 sums, 2 of the panel and a broadcast, and room for products: what 16 registers hold
constexpr std::size_t kTileRows = 4, kTileRegisters = 2;
#include "product-inl.hpp"
}  // namespace unsuperpose::product::scalar
