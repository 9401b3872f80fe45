# Writes version.hpp from its template: cmake -D VERSION=.. -D TEMPLATE=.. -D OUTPUT=.. -P version.cmake
# Without git, or outside a checkout, the revision is "unknown".
get_filename_component(source_dir ${TEMPLATE} DIRECTORY)
find_program(GIT git)
set(REVISION "")
if(GIT)
  execute_process(COMMAND ${GIT} -C ${source_dir} describe --always --dirty --abbrev=12 --exclude=*
    OUTPUT_VARIABLE REVISION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT REVISION)
  set(REVISION "unknown")
endif()
configure_file(${TEMPLATE} ${OUTPUT} @ONLY)
