# Installs the npm packages that FROM/package-lock.json pins into INTO, quietly and from npm's cache where it can.
# Scripts of packages are not run. A failure says what to do.
file(MAKE_DIRECTORY ${INTO})
file(COPY ${FROM}/package.json ${FROM}/package-lock.json DESTINATION ${INTO})
foreach(trial 1 2)
  execute_process(
    COMMAND ${NPM} ci --prefer-offline --no-audit --no-fund --ignore-scripts --loglevel=error
            --fetch-retries=2 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000
    WORKING_DIRECTORY ${INTO} RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT failed)
    break()
  endif()
endforeach()
if(failed)
  message(FATAL_ERROR "npm could not install what ${FROM}/package-lock.json lists:\n${output}\n"
    "It needs Node.js 18 or newer, npm (docker/install.sh build installs both) and a registry it can reach; or "
    "configure with -DPFSIM_REPORT_PAGE=OFF: all but the HTML page works then.")
endif()
file(TOUCH ${INTO}/installed)
