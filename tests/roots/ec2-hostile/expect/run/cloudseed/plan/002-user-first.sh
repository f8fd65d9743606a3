#!/bin/sh
echo the first part is intact
