#!/bin/sh
echo the last part is intact
