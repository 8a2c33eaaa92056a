# What every target shares: warnings, checkers, and the one way to add a module under core/.

option(MW_WERROR "Warnings are errors" OFF)
option(MW_FUZZ "Build the fuzzers (needs clang)" OFF)
option(MW_CHECK_THREADS "Abort when a thread uses a Lua state that is another's" OFF)
option(MW_TESTS "Build the tests (needs cmocka, luajit and busted)" OFF)
set(MW_SANITIZE "" CACHE STRING "Checkers to build with: address,undefined or thread")

add_library(mw_options INTERFACE)
target_compile_features(mw_options INTERFACE c_std_11)
target_compile_definitions(mw_options INTERFACE _GNU_SOURCE
                                                $<$<BOOL:${MW_CHECK_THREADS}>:MW_CHECK_THREADS>)
target_include_directories(mw_options INTERFACE "${PROJECT_SOURCE_DIR}/include"
                                                "${PROJECT_SOURCE_DIR}/core")
target_compile_options(mw_options INTERFACE -Wall -Wextra -Wshadow -Wstrict-prototypes
  -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wvla -Wundef
  -fvisibility=hidden -fno-common $<$<BOOL:${MW_WERROR}>:-Werror>
  $<$<CONFIG:RelWithDebInfo,Release>:-D_FORTIFY_SOURCE=2> -fstack-protector-strong)
target_link_options(mw_options INTERFACE -Wl,-z,relro,-z,now)
if(MW_SANITIZE)
  target_compile_options(mw_options INTERFACE -fsanitize=${MW_SANITIZE} -fno-omit-frame-pointer
                                              -fno-sanitize-recover=all)
  target_link_options(mw_options INTERFACE -fsanitize=${MW_SANITIZE})
endif()
if(MW_FUZZ)
  target_compile_options(mw_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# mw_module(base SOURCES a.c b.c [USES other modules] [LIBRARIES imported targets])
# A folder under core/ is one static library, mw_<name>; USES is the map of who may use whom,
# which spec/core/architecture_spec.lua compares with the #include lines.
function(mw_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES;LIBRARIES" ${ARGN})
  add_library(mw_${name} STATIC ${arg_SOURCES})
  set_target_properties(mw_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON C_EXTENSIONS OFF)
  list(TRANSFORM arg_USES PREPEND mw_)
  target_link_libraries(mw_${name} PUBLIC mw_options ${arg_USES} PRIVATE ${arg_LIBRARIES})
endfunction()
