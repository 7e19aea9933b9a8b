#pragma once

namespace mxcert::app {

struct Context;

/// Each runs one command: writes its result to stdout, collects what went wrong in the context's report, and throws
/// Error for what stops it altogether.

/// `mxcert plan [DOMAIN…]`: what would be ordered and why; changes nothing.
void run_plan(Context& context);
/// `mxcert issue [DOMAIN…]` and `mxcert renew`: what the plan needs now, installed and verified. `renew` says nothing
/// when nothing is due, and after failures waits before it tries again.
void run_issue(Context& context);
/// `mxcert deploy [NAME…]`: the stored certificates again, no ACME.
void run_deploy(Context& context);
/// `mxcert rollback NAME`: the previous version, or what was there before mxcert came.
void run_rollback(Context& context);
/// `mxcert revoke NAME`: the live version, at the CA that issued it. The next issue or renew replaces it.
/// Until then it stays in service: many senders do not check, and none deliver to a server without a certificate.
void run_revoke(Context& context);
/// `mxcert status`: what is stored, served and due.
void run_status(Context& context);
/// `mxcert tlsa [NAME…]`: the DANE records to publish, compared with those that are.
void run_tlsa(Context& context);
/// `mxcert account …`: the account at the CA.
void run_account(Context& context);
/// `mxcert config check`: the effective configuration.
void run_config_check(Context& context);

}  // namespace mxcert::app
