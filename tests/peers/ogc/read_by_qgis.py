#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""By hand: QGIS's own providers read the collections of a running server, with paging and a box, and the GeoPackage.
QGIS is too large to install for every run of the tests (Debian: python3-qgis, qgis-providers, about 1 GB); they read the
same with GDAL.

usage: /usr/bin/python3 read_by_qgis.py BASE_URL/ogc EXPORT.gpkg         (both of the same registry)
"""
import json
import os
import sys
import urllib.request

os.environ["QT_QPA_PLATFORM"] = "offscreen"
from qgis.core import Qgis, QgsApplication, QgsFeatureRequest, QgsRectangle, QgsVectorLayer  # noqa: E402

base, package = sys.argv[1:3]
app = QgsApplication([], False)
app.initQgis()


def matched(query):
    with urllib.request.urlopen(f"{base}/collections/{query}") as answer:
        return json.load(answer)["numberMatched"]


def layer(typename, **more):
    uri = f"url='{base}' typename='{typename}' " + " ".join(f"{k}='{v}'" for k, v in more.items())
    opened = QgsVectorLayer(uri, typename, "OAPIF")
    assert opened.isValid(), opened.error().message()
    return opened


for typename in ("sites", "areas"):
    want = matched(f"{typename}/items?limit=1")
    for page in (100, 1000):
        ids = [f["id"] for f in layer(typename, pageSize=page).getFeatures()]
        assert len(ids) == len(set(ids)) == want, (typename, page, len(ids), want)
    print(f"{typename}: {want} in pages of 100 and of 1000, each once")

boxes = [(-25, 35, 45, 70), (174, -38, 176, -36), (-180, -90, 180, 90)]
sites = layer("sites", pageSize=1000, restrictToRequestBBOX=1)
stored = QgsVectorLayer(package, "sites", "ogr")
assert stored.isValid(), stored.error().message()
for west, south, east, north in boxes:
    request = QgsFeatureRequest().setFilterRect(QgsRectangle(west, south, east, north))
    ours = {f["id"] for f in sites.getFeatures(request)}
    theirs = {f["id"] for f in stored.getFeatures(request)}
    assert ours == theirs and len(ours) == matched(f"sites/items?limit=1&bbox={west},{south},{east},{north}"), (len(ours), len(theirs))
    print(f"sites in {west},{south},{east},{north}: {len(ours)}, the same by OAPIF, by GPKG and by numberMatched")

faith = layer("sites", pageSize=1000)
faith.setSubsetString("faith = 'muslim'")
found = sum(1 for _ in faith.getFeatures())
assert found == matched("sites/items?limit=1&faith=muslim"), found
print(f"QGIS {Qgis.QGIS_VERSION}: faith = 'muslim' gives {found}, as numberMatched says")
