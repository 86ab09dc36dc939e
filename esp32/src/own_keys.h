// Whom this firmware believes, built in. Replace the empty texts by PEM, or leave them: each board learns the key of its
// server when it is paired, and takes no firmware over the air.
#pragma once

namespace camproxy {

// The public half of the key that signs firmware (ECDSA P-256): see README.md, "Firmware over the air".
constexpr const char* kUpdateKey = "";

// Certificate authorities, for servers whose certificate comes from one and changes its key.
constexpr const char* kAuthorities = "";

}  // namespace camproxy
