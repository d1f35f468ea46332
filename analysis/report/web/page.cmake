# report_page: the page of all reports as bytes in the program (generated/report_page.h).
set(generated ${PROJECT_BINARY_DIR}/generated)
set(packages ${PROJECT_BINARY_DIR}/report_web)
set(web ${CMAKE_CURRENT_LIST_DIR})
set(outputs ${generated}/report_page.c ${generated}/report_page.h
  ${generated}/report_page.html)
file(MAKE_DIRECTORY ${generated})

if(PFSIM_REPORT_PAGE)
  find_program(PFSIM_NODE NAMES node nodejs)
  find_program(PFSIM_NPM npm)
  if(NOT PFSIM_NODE OR NOT PFSIM_NPM)
    message(FATAL_ERROR "The HTML report is bundled with Node.js and npm, and one of them is missing. Run "
      "docker/install.sh build, or configure with -DPFSIM_REPORT_PAGE=OFF: all but the HTML page works then.")
  endif()
  add_custom_command(
    OUTPUT ${packages}/installed
    COMMAND ${CMAKE_COMMAND} -DNPM=${PFSIM_NPM} -DFROM=${web} -DINTO=${packages} -P ${web}/install.cmake
    DEPENDS ${web}/package.json ${web}/package-lock.json ${web}/install.cmake
    COMMENT "Report page: fetching ECharts and esbuild (npm)" VERBATIM)
  file(GLOB sources CONFIGURE_DEPENDS ${web}/src/*.js)
  add_custom_command(
    OUTPUT ${outputs}
    COMMAND ${PFSIM_NODE} ${web}/build.mjs --modules ${packages}/node_modules --out ${generated}
    DEPENDS ${packages}/installed ${sources} ${web}/build.mjs ${web}/style.css ${web}/page.html
    COMMENT "Report page: bundling" VERBATIM)
else()
  add_custom_command(
    OUTPUT ${outputs}
    COMMAND ${CMAKE_COMMAND} -DOUT=${generated} -P ${web}/without.cmake
    DEPENDS ${web}/without.cmake
    COMMENT "Report page: left out" VERBATIM)
endif()
add_custom_target(report_page_files DEPENDS ${outputs})
add_library(report_page STATIC ${generated}/report_page.c)
target_include_directories(report_page PUBLIC ${generated})
add_dependencies(report_page report_page_files)
