/* Functions that do not return (C17 7.23). */
#ifndef TLSIGHT_STDNORETURN_H
#define TLSIGHT_STDNORETURN_H
#define noreturn _Noreturn
#endif
