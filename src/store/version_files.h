#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "store/certificates.h"

// For the .cc files of this folder only.
namespace mxcert::store {

/// Fills `folder`, which is there, with the PEM files and certificate.json of one certificate.
void write_version_part(const std::filesystem::path& folder, const pki::CertificateBundle& bundle,
                        const VersionRecord& record);
/// What write_version_part has written. Throws Error for what is not there or damaged; without certificate.json, which
/// only tells where it is from, the record is empty.
VersionPart load_version_part(const std::filesystem::path& folder);

/// The private key among them; empty when it is not there. Throws Error when it cannot be read.
std::optional<std::string> find_private_key(const std::filesystem::path& folder);

}  // namespace mxcert::store
