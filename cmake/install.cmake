# The usual GNU folders; hooks under libexec, because they are run by mxcert and not by people.
install(TARGETS mxcert RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(DIRECTORY hooks/ DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/mxcert/hooks USE_SOURCE_PERMISSIONS
        PATTERN "README.md" EXCLUDE)
install(FILES contrib/man/mxcert.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES contrib/man/mxcert.toml.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES hooks/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME hooks.md)
install(FILES contrib/mxcert.toml DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
# Nothing is switched on: the timer waits for `systemctl enable`, the cron table for being copied to /etc/cron.d.
# systemd looks into lib, whatever the machine's folder for libraries is.
install(FILES contrib/systemd/mxcert-renew.service contrib/systemd/mxcert-renew.timer DESTINATION lib/systemd/system)
install(FILES contrib/cron/mxcert DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples RENAME cron)
