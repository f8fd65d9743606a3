#!/bin/sh
export HOSTNAME="it is ${VM:-none}" IGNORED=1
BASE='vm'; PUBLIC_IP=198.51.100.9
SET_HOSTNAME=$BASE-"7"	# the name
NOTE='it'\''s "quoted"'
TOKEN=$(cat /etc/shadow)
SECONDS=12
rm -rf /
USERDATA="#!/bin/sh
echo \"\$HOME\"
"
ETH0_DNS=192.0.2.53
LAST='never closed
