// Package fingerprint tells kinds of clients apart by how they speak: what their
// first TLS message offers (JA3, JA4, and a hash of our own that resumption does
// not change), how they open HTTP/2, in which order and case they send header
// names, what their first TCP packet looks like. All of it is passive: taps look at
// bytes on their way and change nothing, everything else is a pure function, and
// every decoder is bounded. A print names a class of clients, such as one version
// of a browser on one system, never a person or a device.
//
// The prints are taken of the bytes, not of crypto/tls's ClientHelloInfo: that
// keeps the order and GREASE of ciphers, extensions, groups, signature algorithms,
// point formats and protocols, but neither the legacy version, which JA3 begins
// with, nor whether the supported versions came from their extension, and it is
// not made at all of a hello that is refused early.
//
// Of the JA4 family only JA4, the print of TLS clients, is here: FoxIO publishes
// it under the BSD 3-clause licence and the rest under terms that our users could
// not live with.
//
// Reading order: hello (the message), ja (its prints), hellotap (off the wire).
package fingerprint
