# The .deb: what Debian wants of one beside the files.
set(CPACK_GENERATOR DEB)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_PACKAGE_DESCRIPTION
"capture writes what the kernel says of the memory of processes into one small
file: which physical frame or swap slot stands behind every page, and the
state of those frames. analyze answers questions from that file, on any
machine, without root: what is in memory, what is shared with whom, what
changed.")

# SOURCE_DATE_EPOCH in the environment makes equal packages of equal sources.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
set(changelog ${CMAKE_CURRENT_BINARY_DIR}/changelog)
file(CONFIGURE OUTPUT ${changelog} @ONLY CONTENT
"pagesnap (@PROJECT_VERSION@) unstable; urgency=medium

  * Release @PROJECT_VERSION@.

 -- @CPACK_PACKAGE_CONTACT@  @date@
")
add_custom_command(OUTPUT ${changelog}.gz COMMAND gzip -9nfk ${changelog} DEPENDS ${changelog})
add_custom_target(debian_changelog ALL DEPENDS ${changelog}.gz)
install(FILES ${changelog}.gz ${CMAKE_CURRENT_LIST_DIR}/copyright
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/pagesnap)
