/* Integers of stated widths (C17 7.20). */
#ifndef TLSIGHT_STDINT_H
#define TLSIGHT_STDINT_H
typedef __INT8_TYPE__ int8_t;
typedef __INT16_TYPE__ int16_t;
typedef __INT32_TYPE__ int32_t;
typedef __INT64_TYPE__ int64_t;
typedef __UINT8_TYPE__ uint8_t;
typedef __UINT16_TYPE__ uint16_t;
typedef __UINT32_TYPE__ uint32_t;
typedef __UINT64_TYPE__ uint64_t;
typedef __INTPTR_TYPE__ intptr_t;
typedef __UINTPTR_TYPE__ uintptr_t;
typedef __INTMAX_TYPE__ intmax_t;
typedef __UINTMAX_TYPE__ uintmax_t;
typedef __INT_LEAST8_TYPE__ int_least8_t;
typedef __UINT_LEAST8_TYPE__ uint_least8_t;
typedef __INT_FAST8_TYPE__ int_fast8_t;
typedef __UINT_FAST8_TYPE__ uint_fast8_t;
typedef __INT_LEAST16_TYPE__ int_least16_t;
typedef __UINT_LEAST16_TYPE__ uint_least16_t;
typedef __INT_FAST16_TYPE__ int_fast16_t;
typedef __UINT_FAST16_TYPE__ uint_fast16_t;
typedef __INT_LEAST32_TYPE__ int_least32_t;
typedef __UINT_LEAST32_TYPE__ uint_least32_t;
typedef __INT_FAST32_TYPE__ int_fast32_t;
typedef __UINT_FAST32_TYPE__ uint_fast32_t;
typedef __INT_LEAST64_TYPE__ int_least64_t;
typedef __UINT_LEAST64_TYPE__ uint_least64_t;
typedef __INT_FAST64_TYPE__ int_fast64_t;
typedef __UINT_FAST64_TYPE__ uint_fast64_t;
#define INT8_MAX 127
#define INT16_MAX 32767
#define INT32_MAX 2147483647
#define INT64_MAX __INT64_MAX__
#define INT8_MIN (-128)
#define INT16_MIN (-32768)
#define INT32_MIN (-INT32_MAX - 1)
#define INT64_MIN (-INT64_MAX - 1)
#define UINT8_MAX 255
#define UINT16_MAX 65535
#define UINT32_MAX 4294967295U
#define UINT64_MAX __UINT64_MAX__
#define SIZE_MAX __SIZE_MAX__
#define INTPTR_MAX __INTPTR_MAX__
#define UINTPTR_MAX __UINTPTR_MAX__
#define TLSIGHT_JOINED(value, suffix) value##suffix
#define TLSIGHT_SUFFIXED(value, suffix) TLSIGHT_JOINED(value, suffix)
#define INT8_C(value) TLSIGHT_SUFFIXED(value, __INT8_C_SUFFIX__)
#define UINT8_C(value) TLSIGHT_SUFFIXED(value, __UINT8_C_SUFFIX__)
#define INT16_C(value) TLSIGHT_SUFFIXED(value, __INT16_C_SUFFIX__)
#define UINT16_C(value) TLSIGHT_SUFFIXED(value, __UINT16_C_SUFFIX__)
#define INT32_C(value) TLSIGHT_SUFFIXED(value, __INT32_C_SUFFIX__)
#define UINT32_C(value) TLSIGHT_SUFFIXED(value, __UINT32_C_SUFFIX__)
#define INT64_C(value) TLSIGHT_SUFFIXED(value, __INT64_C_SUFFIX__)
#define UINT64_C(value) TLSIGHT_SUFFIXED(value, __UINT64_C_SUFFIX__)
#define INTMAX_C(value) TLSIGHT_SUFFIXED(value, __INTMAX_C_SUFFIX__)
#define UINTMAX_C(value) TLSIGHT_SUFFIXED(value, __UINTMAX_C_SUFFIX__)
#define INTMAX_MAX __INTMAX_MAX__
#define INTMAX_MIN (-__INTMAX_MAX__ - 1)
#define UINTMAX_MAX __UINTMAX_MAX__
#define INTPTR_MIN (-__INTPTR_MAX__ - 1)
#define PTRDIFF_MAX __PTRDIFF_MAX__
#define PTRDIFF_MIN (-__PTRDIFF_MAX__ - 1)
#define WCHAR_MAX __WCHAR_MAX__
#endif
