#!/bin/sh
# Writes the articles that the shop sells into catalogue.csv, which git ignores.
set -eu
echo "catalogue: asking ${SHOP_CATALOGUE:-the shelf} for articles"
printf 'article,cents\n' >catalogue.csv
for line in mug,1250 umbrella,1990 raincoat,5900 lantern,3400 notebook,450; do
    sleep 0.1  # a real one asks somebody
    echo "$line" >>catalogue.csv
    echo "catalogue: ${line%,*} costs ${line#*,} cents"
done
echo "catalogue: 5 articles in catalogue.csv"
