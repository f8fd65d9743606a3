#!/bin/sh
# Which drivers an image gets, for the hooks of the generators.
#
#   drivers.sh mode [DEFAULT]   the mode: what /etc/cloudseed/drivers says, else DEFAULT, else cloud
#   drivers.sh list MODE        the drivers of this mode, a name a line
#
# The modes: `cloud`, `all`, and `host`, which is those that the building machine has; a generator knows these itself.
folder=${0%/*}
case ${1-} in
    mode)
        mode=
        if [ -r /etc/cloudseed/drivers ]; then read -r mode < /etc/cloudseed/drivers; fi
        case $mode in
            cloud | host | all) ;;
            '') mode=${2:-cloud} ;;
            *)
                echo "cloudseed: /etc/cloudseed/drivers: expected cloud, host or all, but found $mode" >&2
                mode=${2:-cloud}
                ;;
        esac
        echo "$mode"
        ;;
    list)
        while read -r least driver; do
            case $least:${2-} in cloud:cloud | cloud:all | all:all) echo "$driver" ;; esac
        done < "$folder/drivers"
        ;;
    *)
        echo 'usage: drivers.sh mode [DEFAULT] | list MODE' >&2
        exit 2
        ;;
esac
