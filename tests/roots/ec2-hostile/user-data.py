# Makes cloud/GET/latest/user-data: run in tests/roots. Each part is hostile in its own way; the others must stay intact.
import gzip, io, base64
def part(ctype, body, name=None, enc=None, extra=b''):
    h = b'Content-Type: ' + ctype + b'\r\n'
    if name: h += b'Content-Disposition: attachment; filename="' + name + b'"\r\n'
    if enc: h += b'Content-Transfer-Encoding: ' + enc + b'\r\n'
    return h + extra + b'\r\n' + body
bomb = base64.encodebytes(gzip.compress(b"\0" * (256 << 20), 9, mtime=0))
deep = b'Content-Type: text/x-shellscript\r\n\r\n#!/bin/sh\necho deep\n'
for i in range(100):
    deep = b'Content-Type: multipart/mixed; boundary="d%d"\r\n\r\n--d%d\r\n' % (i, i) + deep + b'\r\n--d%d--\r\n' % i
parts = [
    part(b'text/x-shellscript', b'#!/bin/sh\necho the first part is intact\n', b'first.sh'),
    part(b'application/x-gzip', bomb, b'bomb', b'base64'),
    part(b'text/x-include-url', b'#include\nhttp://169.254.169.254/loop\n', b'loop'),
    deep,
    part(b'text/x-shellscript', b'#!/bin/sh\necho a part with a path for a name is intact\n', b'../../etc/passwd'),
    part(b'application/octet-stream', b'garbage \xff\xfe\x00\x01', b'garbage'),
    part(b'text/x-shellscript', b'#!/bin/sh\necho the last part is intact\n', b'last.sh'),
]
doc = b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="hostile"\r\n\r\n'
for p in parts: doc += b'--hostile\r\n' + p + b'\r\n'
doc += b'--hostile--\r\n'
open('ec2-hostile/cloud/GET/latest/user-data','wb').write(gzip.compress(doc, 9, mtime=0))
open('ec2-hostile/cloud/GET/loop','wb').write(b'#include\nhttp://169.254.169.254/loop\n')
