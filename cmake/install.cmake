# The usual GNU folders; hooks under libexec, because they are run by mxcert and not by people.
install(TARGETS mxcert RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(DIRECTORY hooks/ DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/mxcert/hooks USE_SOURCE_PERMISSIONS
        PATTERN "README.md" EXCLUDE)
install(FILES README.md hooks/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
