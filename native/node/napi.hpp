// The only place that includes <napi.h>, with the settings that all of native/node/ is built with: Node-API 8, and JavaScript
// exceptions as C++ exceptions (Napi::Error). No exception leaves this folder: see guard.hpp.
#pragma once
#ifndef NAPI_VERSION
#define NAPI_VERSION 8
#endif
#if !defined(NAPI_CPP_EXCEPTIONS) && !defined(NAPI_DISABLE_CPP_EXCEPTIONS)
#define NAPI_CPP_EXCEPTIONS
#endif
#ifndef NODE_ADDON_API_DISABLE_DEPRECATED
#define NODE_ADDON_API_DISABLE_DEPRECATED
#endif
// A worker that is being terminated cannot throw any more: its exceptions are dropped, not fatal.
#ifndef NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#endif
#include <napi.h>
