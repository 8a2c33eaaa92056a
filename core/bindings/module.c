/* moonwatch.so has no code of its own: it is the archive of bindings as a module. */
#include "bindings/bindings.h"
