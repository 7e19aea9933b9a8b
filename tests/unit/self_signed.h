#pragma once
#include "pki/key.h"
#include "pki/self_signed.h"

namespace mxcert::test {

using pki::make_self_signed;

}  // namespace mxcert::test
