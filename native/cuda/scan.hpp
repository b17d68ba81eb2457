// Vectors that are scored against rows of a device, and what passes: what the table's functions of a scan do (module.cpp).
#pragma once
#include <vector>

#include "rows.hpp"
#include "thresholds.hpp"

namespace unsuperpose::cuda {

class Scan {
 public:
  explicit Scan(Rows& rows);

  void set_vectors(const UnsuperposeCudaMatrix& vectors, int precision, double* norms, double* moved);
  void set_rows(const Rows& from, const std::uint32_t* pick, std::size_t count, int precision, double* norms,
                double* moved);
  void above(const UnsuperposeCudaSelect& select, std::uint32_t* counts);
  void strongest(const UnsuperposeCudaSelect& select, unsigned capacity, std::uint32_t* counts);
  void entries(UnsuperposeCudaEntry* out) const;
  void multiply(const UnsuperposeCudaPairs& pairs, double* out);
  /// The call that used it has ended, without a failure. Answers whether its memory is worth keeping for the next.
  bool rest();
  Rows& rows() const { return rows_; }

 private:
  /// Rounds the vectors of `source_` that `pick` names.
  void round(const std::uint32_t* pick, std::size_t count, RoundedRows& to, double* norms, double* moved);
  void prepare(const UnsuperposeCudaSelect& select);
  /// The lists of vectors `which` (all where empty) above their floors, of up to `capacity` each; their counts come to `found_counts_`.
  void list(const std::vector<std::uint32_t>& which, const std::vector<float>& floors, unsigned capacity,
            const UnsuperposeCudaSelect& select);
  /// What list() found, sorted; the answer of the vectors `which` that `done` names (by place in `which`).
  void take(const std::vector<std::uint32_t>& which, const std::vector<std::uint8_t>& done, bool by_index,
            unsigned most, const UnsuperposeCudaSelect& select);
  /// How many vectors lists of so much room are made for together.
  std::size_t together(unsigned room) const;
  /// list(), or false where the device's memory does not do: then together() is less. Throws where it is one vector already.
  bool listed(const std::vector<std::uint32_t>& which, const std::vector<float>& floors, unsigned capacity,
              const UnsuperposeCudaSelect& select);
  std::vector<float> sampled(const UnsuperposeCudaSelect& select, unsigned wanted);
  /// Lists first … end − 1 of `pairs`, whose products go to `out`.
  void multiply_some(const UnsuperposeCudaPairs& pairs, std::size_t first, std::size_t end, double* out);

  Rows& rows_;
  Stream stream_;
  Upload upload_;
  std::size_t count_ = 0;
  int precision_ = 0;
  Memory<float> own_;              // vectors that came from the host
  const float* source_ = nullptr;  // the vectors, dense
  const std::uint32_t* source_pick_ = nullptr;
  RoundedRows vectors_, some_;
  Memory<std::uint32_t> pick_, some_pick_;
  Memory<double> norms_, moved_;
  Memory<float> factors_, weights_, floors_;
  Thresholds thresholds_;
  const float* weights_used_ = nullptr;
  Memory<UnsuperposeCudaEntry> lists_, sorted_;
  Memory<unsigned> counts_;
  Memory<std::uint64_t> offsets_;
  unsigned capacity_ = 0;
  std::size_t list_bytes_;                            // that a launch may fill
  bool many_ = false;                                 // list(): by the product that loses nothing
  unsigned usual_;                                    // above(): room that was enough for most vectors
  Memory<std::uint32_t> lists_of_, begin_, indices_;  // multiply(), as the next
  Memory<double> products_;
  std::vector<unsigned> found_counts_;
  /// The answer: of each vector where its entries start, and how many.
  std::vector<UnsuperposeCudaEntry> answer_;
  std::vector<std::uint64_t> starts_;
  std::vector<std::uint32_t> lengths_;
};

}  // namespace unsuperpose::cuda
