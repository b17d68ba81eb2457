// The exported functions, by topic. Each adds its own to the module.
#pragma once
#include "napi.hpp"

namespace unsuperpose::node {

void add_dictionary(
    Napi::Object exports);  // createDictionary, dictionaryInfo, dictionaryAtoms, disposeDictionary
void add_unfold(Napi::Object exports);    // unfoldSync, unfold, checkCodes, fold, lambdaMaxSync, lambdaMax
void add_knots(Napi::Object exports);     // createKnots, nextKnot
void add_certify(Napi::Object exports);   // certifySync, certify
void add_learn(Napi::Object exports);     // createLearner, learnerFit, learnerObserve, learnerFinish
void add_pairs(Napi::Object exports);     // createPairs, disposePairs, pairsAbove, …, strongestCircuit
void add_geometry(Napi::Object exports);  // coherence, babel, clusters, featureDimensionality, matchFeatures
void add_recoverability(Napi::Object exports);  // recoverability, plantedCodes, relativeDistances
void add_claims(Napi::Object exports);          // evaluatePredicate, coverage
void add_ops(Napi::Object exports);  // correlate, topK, above, maximum, softThreshold, spectralNorm
void add_toy(Napi::Object exports);  // toySample, toyTrain, toyGradient, toyMeasure

}  // namespace unsuperpose::node
