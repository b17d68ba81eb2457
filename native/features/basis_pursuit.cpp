#include "basis_pursuit.hpp"

#include <algorithm>
#include <memory>
#include <optional>

namespace unsuperpose {

namespace {

/// Bytes of the factors of codes that are searched for together, and such codes at most.
constexpr std::size_t kTogetherBytes = std::size_t{1} << 28, kTogether = 96;

}  // namespace

struct BasisPursuit::Slot {
  SupportQuestion* question;
  std::unique_ptr<DualSearch> search;
  std::optional<DualPoint> point;  // to be certified
  std::size_t steps = 0;
  int exponent = 0;  // of the scored row
  double norm = 0;
  bool open = true;
};

BasisPursuit::BasisPursuit(const Dictionary& dictionary, bool nonnegative, std::size_t steps,
                           const Execution& execution)
    : dictionary_(dictionary),
      nonnegative_(nonnegative),
      steps_(steps),
      dims_(dictionary.dims()),
      spanned_(spanned_dims(dictionary)),
      execution_(execution),
      scorer_(dictionary.rows(), no_weights_, false, scoring::Ladder::float32) {}

void BasisPursuit::decide(std::span<SupportQuestion> questions) {
  const std::size_t each = 2 * sizeof(double) * dims_ * dims_;
  const std::size_t together = std::clamp<std::size_t>(kTogetherBytes / each, 1, kTogether);
  for (std::size_t first = 0; first < questions.size() && !execution_.cancelled(); first += together)
    group(questions.subspan(first, std::min(together, questions.size() - first)));
}

void BasisPursuit::group(std::span<SupportQuestion> questions) {
  std::vector<Slot> slots(questions.size());
  execution_.for_each(slots.size(), [&](std::size_t i) {
    Slot& slot = slots[i];
    SupportQuestion& question = questions[i];
    slot.question = &question;
    if (question.support.size() > spanned_) {
      question.found = Proof::no;
      question.dependent = true;
    } else if (question.support.size() <= SignedAtoms::kMost && steps_ > 0) {
      slot.search =
          std::make_unique<DualSearch>(dictionary_, question.support, question.signs, nonnegative_, spanned_);
      if (slot.search->state() == DualSearch::State::searching) return;
      if (slot.search->disproved()) {
        question.found = Proof::no;
        question.dependent = true;
      }
    }
    slot.open = false;
  });
  const std::size_t features = dictionary_.features();
  std::vector<Slot*> open;
  for (;;) {
    open.clear();
    for (Slot& slot : slots)
      if (slot.open) open.push_back(&slot);
    if (open.empty() || execution_.cancelled()) return;
    rows_.reserve(open.size() * dims_);
    scores_.reserve(open.size() * features);
    requests_.assign(open.size(), {});
    for (std::size_t i = 0; i < open.size(); ++i) {
      float* row = rows_.data() + i * dims_;
      requests_[i].row = static_cast<std::uint32_t>(i);
      if (open[i]->point)
        std::copy(open[i]->point->high.begin(), open[i]->point->high.end(), row);
      else
        open[i]->norm = open[i]->search->point(row, open[i]->exponent);
    }
    scorer_.every(0, {rows_.data(), open.size(), dims_}, requests_, {scores_.data(), open.size(), features},
                  execution_);
    if (execution_.cancelled()) return;
    execution_.for_each(open.size(), [&](std::size_t i) {
      const float* scores = scores_.data() + i * features;
      if (open[i]->point)
        certify(*open[i], scores);
      else
        advance(*open[i], scores);
    });
  }
}

void BasisPursuit::advance(Slot& slot, const float* scores) {
  DualSearch& search = *slot.search;
  slot.steps += search.advance(scores, slot.norm, slot.exponent, execution_);
  if (search.state() == DualSearch::State::searching) {
    slot.open = slot.steps < steps_;
    return;
  }
  const bool disproved = search.state() == DualSearch::State::dependent ? search.disproved() : search.tied();
  if (!disproved && search.state() == DualSearch::State::ended &&
      search.atoms().size() <= SignedAtoms::kMost) {
    const SignedAtoms atoms(dictionary_, search.atoms());
    if (atoms.independent()) slot.point = atoms.dual_point(search.signs());
  }
  if (disproved) slot.question->found = Proof::no;
  slot.open = slot.point.has_value();
}

void BasisPursuit::certify(Slot& slot, const float* scores) const {
  std::vector<std::uint8_t> inside(dictionary_.features(), 0);
  for (const std::uint32_t j : slot.search->atoms()) inside[j] = 1;
  Proof found = Proof::yes;
  for (std::uint32_t j = 0; j < dictionary_.features() && found == Proof::yes; ++j)
    if (!inside[j]) found = slot.point->below_one(dictionary_, j, scores[j], nonnegative_);
  // Above 1 would be another code's affair: J has more atoms than the support.
  slot.question->found = found == Proof::yes ? Proof::yes : Proof::undecided;
  slot.open = false;
}

}  // namespace unsuperpose
