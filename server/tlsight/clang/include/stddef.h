/* Types of the freestanding set (C17 7.19), for machines without a compiler of their own. */
#ifndef TLSIGHT_STDDEF_H
#define TLSIGHT_STDDEF_H
typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;
#ifndef __cplusplus
typedef __WCHAR_TYPE__ wchar_t;
#undef NULL
#define NULL ((void *)0)
#else
#undef NULL
#define NULL __null
typedef decltype(nullptr) nullptr_t;
#endif
typedef struct {
    long long largest_integer __attribute__((aligned(__alignof__(long long))));
    long double largest_real __attribute__((aligned(__alignof__(long double))));
} max_align_t;
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif
