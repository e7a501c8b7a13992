/* Spellings of operators (C17 7.9); C++ has them as keywords. */
#ifndef TLSIGHT_ISO646_H
#define TLSIGHT_ISO646_H
#ifndef __cplusplus
#define and &&
#define and_eq &=
#define bitand &
#define bitor |
#define compl ~
#define not !
#define not_eq !=
#define or ||
#define or_eq |=
#define xor ^
#define xor_eq ^=
#endif
#endif
