# Commands, one to a line: each is evaluated in this shell, and what it prints and its status are
# the result.
umask 022
count=0
while IFS= read -r command; do
    case "$command" in '' | '#'*) continue ;; esac
    count=$((count + 1))
    echo "$count \$ $command"
    eval "$command" 2>&1 </dev/null
    echo "= $?"
done <<'COMMANDS'
# files and directories
mkdir -p a/b/c && rmdir a/b/c && ls -R a
echo one > one; echo two >> one; cat one
cp one copy && cmp one copy && mv copy moved && ls -1
ln -s one link && readlink link && cat link
ln one hard && stat -c '%h %s %F' one
chmod 640 one && stat -c '%a %A' one
chmod u+x,g-r one && stat -c %a one
touch -d '2020-02-29 12:34:56' dated && stat -c %Y dated
date -r dated '+%F %T'
truncate -s 10000 sparse && wc -c sparse
dd if=/dev/zero of=zeros bs=512 count=20 2>/dev/null; wc -c zeros; cksum zeros 2>/dev/null || crc32 zeros
dd if=one bs=1 skip=4 count=3 2>/dev/null
mkfifo fifo && (echo through > fifo &) && cat fifo
rm -f moved hard && ls | sort
find . -type f | sort
find . -name 'o*' -exec basename {} \;
mkdir full && touch full/x && rmdir full
rm -r full && test ! -e full
cat missing
ls missing
cp missing elsewhere
mkdir a
mktemp -d t.XXXXXX | cut -c1-2
du -k zeros | awk '{ print ($1 > 0) }'
tar cf all.tar one link zeros && tar tf all.tar
mkdir out && tar xf all.tar -C out && ls out
gzip -c zeros > zeros.gz && gunzip -c zeros.gz | cmp - zeros
bzip2 -c zeros | bunzip2 -c | cmp - zeros
find one zeros | cpio -o -H newc 2>/dev/null | cpio -t 2>/dev/null
cd a && pwd | sed 's,.*/,,' && cd ..
# text
printf '%s\n' c b a b | sort | uniq -c
printf '%s\n' 10 9 100 | sort -n
seq 1 20 | head -n 3
seq 1 20 | tail -n 3
seq 5 | tac
seq 3 | paste -s -d+
seq 3 | paste -s -d+ | bc
echo 'a b c' | tr a-z A-Z
echo 'a,b,c' | cut -d, -f2
echo hello | sed 's/l/L/g'
seq 10 | sed -n '3,5p'
seq 10 | awk '{ s += $1 } END { print s }'
awk 'BEGIN { for (i = 0; i < 5; i++) printf "%d ", i * i; print "" }'
printf 'a\nb\n' > left; printf 'a\nc\n' > right; diff left right
printf 'abc\ndef\n' | grep -n e
grep -c o one
grep nothing one
echo hello | rev
echo 'a b c' | fold -w 2
printf 'x\ty\n' | expand -t 4
echo test | md5sum
echo test | sha1sum
echo test | sha256sum
echo test | sha512sum | cut -c1-32
echo test | base64
echo dGVzdAo= | base64 -d
printf '\000\001\377' | od -An -tx1
printf 'abcdef' | xxd
printf 'abcdef' | hexdump -C
echo text | tee copy1 copy2 && cat copy1 copy2
printf 'a b\nc d\n' | xargs -n 1 echo
printf 'a\nb\n' | nl
yes | head -n 2
strings -n 5 zeros | wc -l
shuf -i 1-5 | sort
expr 6 \* 7
expr abc : 'a\(.\)c'
factor 1001
dc -e '2 10 ^ p'
cal 2 2024
# the shell
x=5; echo $((x * x + 1)) ${x:-none} ${y:-none}
f() { echo "$#" "$@"; return 3; }; f a 'b c'
for i in 1 2 3; do echo -n "$i "; done; echo
i=0; while [ $i -lt 3 ]; do i=$((i + 1)); done; echo $i
case abc in a*) echo yes ;; *) echo no ;; esac
(exit 7)
false || echo otherwise
true && echo then
! true
echo $(echo inner) `echo older`
set -- a b c; shift; echo "$1" $#
s=abcdef; echo ${#s} ${s%ef} ${s#ab} ${s/c/C}
echo {a,b} * | wc -w
read a b < left; echo "$a:$b"
cat < left | cat | cat | wc -l
{ echo out; echo err >&2; } 2>/dev/null
exec 5>five; echo five >&5; exec 5>&-; cat five
trap 'echo usr1' USR1; kill -USR1 $$; trap - USR1
(trap 'echo leaving' EXIT; exit 4)
sh -c 'kill -9 $$'; echo "was $?"
sh -c 'kill -TERM $$'; echo "was $?"
sleep 0.05 & wait $!; echo "ended $?"
(sleep 100 & p=$!; kill $p; wait $p; echo "killed $?") 2>/dev/null
(sleep 0.01; exit 9) & wait $!
jobs
type cd
command -v awk | sed 's,.*/,,'
nothing_of_this_name
printf '%05d|%-5s|%x|%c\n' 42 ab 255 z
test -d a -a -f one; echo $?
[ abc = abd ]
eval 'echo evaluated'
umask
ulimit -n 64; ulimit -n
timeout 1 sleep 0.01
timeout 0.1 sleep 10; echo "timed out $?"
usleep 1000
id -u
env -i A=1 env
echo 'echo from a script; exit 6' > script; sh script
chmod +x script; printf '#!/bin/busybox sh\necho "$0" | sed s,.*/,,\n' > hash; chmod +x hash; ./hash
./one
setsid sh -c 'echo session'
seq 1 100000 | wc -c
dd if=/dev/urandom bs=1000 count=10 2>/dev/null | wc -c
seq 1 2000 | while read n; do echo $n; done | tail -n 1
cat /proc/self/comm
uname -m
[ -c /dev/null ] && [ -r /dev/zero ] && echo devices
echo discarded > /dev/null
(ulimit -f 1; dd if=/dev/zero of=big bs=1024 count=10 2>/dev/null); echo "file limit $?"
COMMANDS
echo "$count commands"
