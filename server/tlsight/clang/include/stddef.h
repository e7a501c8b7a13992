/* Types of the freestanding set (C17 7.19), for machines without a compiler of their own. */
#ifndef TLSIGHT_STDDEF_H
#define TLSIGHT_STDDEF_H
typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;
#ifndef __cplusplus
typedef __WCHAR_TYPE__ wchar_t;
#define NULL ((void *)0)
typedef struct {
    long long largest_integer __attribute__((aligned(8)));
    long double largest_real __attribute__((aligned(16)));
} max_align_t;
#else
#define NULL __null
typedef decltype(nullptr) nullptr_t;
#endif
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif
