#pragma once

namespace mxcert {

/// Makes SIGINT and SIGTERM ask for an orderly end instead of ending the process, and ignores SIGPIPE.
/// A second signal of the same kind ends the process at once. Called once, by main.
void install_stop_handler();

bool stop_requested() noexcept;
/// Throws Interrupted when a stop was asked for. Every wait and every loop that goes on for long calls it.
void throw_if_stopped();
/// A descriptor that becomes readable, and stays so, once a stop was asked for; for poll(2). -1, which poll ignores,
/// before install_stop_handler.
int stop_fd() noexcept;

}  // namespace mxcert
