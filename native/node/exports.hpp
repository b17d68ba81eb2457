// The exported functions, by topic. Each file's add_… names its own, at its end; addon.cpp calls them all.
#pragma once
#include "napi.hpp"

namespace unsuperpose::node {

void add_dictionary(Napi::Object exports);
void add_preparation(Napi::Object exports);
void add_unfold(Napi::Object exports);
void add_path(Napi::Object exports);
void add_certify(Napi::Object exports);
void add_learn(Napi::Object exports);
void add_train(Napi::Object exports);
void add_lista_train(Napi::Object exports);
void add_autoencoder(Napi::Object exports);
void add_lista(Napi::Object exports);
void add_pairs(Napi::Object exports);
void add_geometry(Napi::Object exports);
void add_evaluation(Napi::Object exports);
void add_recoverability(Napi::Object exports);
void add_claims(Napi::Object exports);
void add_cuda(Napi::Object exports);
void add_half(Napi::Object exports);
void add_ops(Napi::Object exports);
void add_rows(Napi::Object exports);
void add_toy(Napi::Object exports);
void add_synthetic(Napi::Object exports);
void add_tray(Napi::Object exports);

}  // namespace unsuperpose::node
