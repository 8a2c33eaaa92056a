# Where everything goes that is not a target: scripts, headers, pkg-config, documents.
# The installed tree can be moved: the program and moonwatch.pc find the rest from where they are.

set(scripts_dir "${CMAKE_INSTALL_DATADIR}/moonwatch")

# In the build tree the program finds the scripts in the same place as when installed.
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/share" "${PROJECT_BINARY_DIR}/installed")
file(CREATE_LINK "${PROJECT_SOURCE_DIR}/scripts" "${PROJECT_BINARY_DIR}/share/moonwatch" SYMBOLIC)
install(DIRECTORY scripts/ DESTINATION "${scripts_dir}" FILES_MATCHING PATTERN "*.lua")

# require "moonwatch.rates" in plain luajit: the same files, by a link, so that there is one copy.
set(lua_dir "${CMAKE_INSTALL_DATADIR}/lua/5.1")
file(RELATIVE_PATH lua_to_scripts "/${lua_dir}" "/${scripts_dir}/moonwatch")
file(CREATE_LINK "${lua_to_scripts}" "${PROJECT_BINARY_DIR}/installed/moonwatch" SYMBOLIC)
install(FILES "${PROJECT_BINARY_DIR}/installed/moonwatch" DESTINATION "${lua_dir}")

# The configuration changes nothing as it ships, and is its own manual. One that is there stays: it is
# the operator's. The program looks for it in etc/moonwatch beside its bin folder, then in /etc.
install(CODE [[
  set(conf_dir "${CMAKE_INSTALL_PREFIX}/etc/moonwatch")
  if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    set(conf_dir "/etc/moonwatch")
  endif()]])
install(CODE "set(conf_source \"${PROJECT_SOURCE_DIR}/conf\")")
install(CODE [[
  file(GLOB_RECURSE conf_files RELATIVE "${conf_source}" "${conf_source}/*.lua")
  foreach(conf_file IN LISTS conf_files)
    cmake_path(GET conf_file PARENT_PATH conf_folder)
    if(NOT EXISTS "$ENV{DESTDIR}${conf_dir}/${conf_file}")
      file(INSTALL "${conf_source}/${conf_file}" DESTINATION "${conf_dir}/${conf_folder}")
    endif()
  endforeach()]])
install(DIRECTORY conf DESTINATION "${CMAKE_INSTALL_DOCDIR}" FILES_MATCHING PATTERN "*.lua")

install(DIRECTORY include/moonwatch DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.h")
file(RELATIVE_PATH pc_to_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
configure_file(cmake/moonwatch.pc.in moonwatch.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/moonwatch.pc"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

install(FILES README.md CHANGELOG.md CONTRIBUTING.md LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY docs/ DESTINATION "${CMAKE_INSTALL_DOCDIR}/docs" FILES_MATCHING
        PATTERN "*.md" PATTERN "*.svg")

# What the documents point to is installed elsewhere: links, so that the pointers hold.
foreach(pair "scripts:${scripts_dir}" "include:${CMAKE_INSTALL_INCLUDEDIR}")
  string(REPLACE ":" ";" pair "${pair}")
  list(GET pair 0 name)
  list(GET pair 1 target)
  file(RELATIVE_PATH docs_to_target "/${CMAKE_INSTALL_DOCDIR}" "/${target}")
  file(CREATE_LINK "${docs_to_target}" "${PROJECT_BINARY_DIR}/installed/${name}" SYMBOLIC)
  install(FILES "${PROJECT_BINARY_DIR}/installed/${name}" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
endforeach()

# The service, with the paths of what it starts. A manager of services looks below /usr/local and
# /usr; elsewhere "systemctl link" takes it.
install(CODE "set(service_source \"${PROJECT_SOURCE_DIR}/deploy/moonwatch.service\")
  set(service_built \"${PROJECT_BINARY_DIR}/installed/moonwatch.service\")
  set(service_program \"${CMAKE_INSTALL_BINDIR}/moonwatch\")
  set(service_documents \"${CMAKE_INSTALL_DOCDIR}\")")
install(CODE [[
  file(READ "${service_source}" service)
  string(REPLACE "/usr/local/bin/moonwatch" "${CMAKE_INSTALL_PREFIX}/${service_program}" service "${service}")
  string(REPLACE "/usr/local/share/doc/moonwatch" "${CMAKE_INSTALL_PREFIX}/${service_documents}" service
         "${service}")
  file(WRITE "${service_built}" "${service}")
  file(INSTALL "${service_built}" DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/systemd/system")]])
