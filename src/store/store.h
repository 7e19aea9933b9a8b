#pragma once
#include <filesystem>
#include <utility>

#include "store/accounts.h"
#include "store/certificates.h"
#include "store/internal_authority.h"
#include "store/issuances.h"
#include "store/name_records.h"
#include "store/orders.h"
#include "store/state_directory.h"

namespace mxcert::store {

/// All that is kept in one state directory. Each part says what it promises.
struct Store {
  explicit Store(std::filesystem::path root)
      : directory(std::move(root)),
        accounts(directory),
        certificates(directory),
        internal_authority(directory),
        orders(directory),
        name_records(directory),
        issuances(directory) {}

  StateDirectory directory;
  Accounts accounts;
  Certificates certificates;
  InternalAuthority internal_authority;
  Orders orders;
  NameRecords name_records;
  Issuances issuances;
};

}  // namespace mxcert::store
