# Everything below is a Debian 12 package; ARCHITECTURE.md says why each is here and who may use it.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(tsl-robin-map REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(GTest REQUIRED)

# Standalone Asio is header-only and has no CMake package in Debian.
find_path(ASIO_INCLUDE_DIR asio.hpp REQUIRED)
add_library(natrix_asio INTERFACE)
target_include_directories(natrix_asio SYSTEM INTERFACE ${ASIO_INCLUDE_DIR})
target_compile_definitions(natrix_asio INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED)
target_link_libraries(natrix_asio INTERFACE Threads::Threads)
add_library(natrix::asio ALIAS natrix_asio)

# Debian's crypt(3) understands the bcrypt prefixes that NATS uses.
find_library(CRYPT_LIBRARY crypt REQUIRED)

# The operator's own: the Kubernetes transport (operator/kube alone), flags, and the small HTTP
# server of its probes. Debian builds httplib with these macros; its classes change layout with them.
find_package(cpprestsdk REQUIRED)
find_package(CLI11 REQUIRED)
find_library(HTTPLIB_LIBRARY cpp-httplib REQUIRED)
add_library(natrix_httplib INTERFACE)
target_compile_definitions(natrix_httplib INTERFACE CPPHTTPLIB_OPENSSL_SUPPORT CPPHTTPLIB_ZLIB_SUPPORT
                                                    CPPHTTPLIB_BROTLI_SUPPORT)
target_link_libraries(natrix_httplib INTERFACE ${HTTPLIB_LIBRARY} OpenSSL::SSL Threads::Threads)
add_library(natrix::httplib ALIAS natrix_httplib)
