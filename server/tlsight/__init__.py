"""tlsight finds TLS and DTLS security defects in C and C++ while they are being typed."""

__version__ = "0.1.0"
