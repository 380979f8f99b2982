"""The 77 provinces, Bangkok among them, and the zone that each lies in.

A meter is registered in a province: its zone follows from it, and so does the utility that answers
for it (ledger/metering/territories.py). Numbers and names are those of ISO 3166-2:TH. The zones are
the six regions of the National Geographical Committee (1978), with Bangkok a zone of its own: those
between which the transmission corridors' limits are known (gtxnode/grid_data/PROVENANCE.md). Bueng
Kan, a province since 2011, was part of Nong Khai, and Nong Bua Lam Phu and Amnat Charoen, since
1993, of Udon Thani and Ubon Ratchathani.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from gtxnode.primitives.zones import Zone


class Province(IntEnum):
    """A province. The numbers are on the wire."""

    BANGKOK = 10
    SAMUT_PRAKAN = 11
    NONTHABURI = 12
    PATHUM_THANI = 13
    PHRA_NAKHON_SI_AYUTTHAYA = 14
    ANG_THONG = 15
    LOP_BURI = 16
    SING_BURI = 17
    CHAI_NAT = 18
    SARABURI = 19
    CHON_BURI = 20
    RAYONG = 21
    CHANTHABURI = 22
    TRAT = 23
    CHACHOENGSAO = 24
    PRACHIN_BURI = 25
    NAKHON_NAYOK = 26
    SA_KAEO = 27
    NAKHON_RATCHASIMA = 30
    BURI_RAM = 31
    SURIN = 32
    SI_SA_KET = 33
    UBON_RATCHATHANI = 34
    YASOTHON = 35
    CHAIYAPHUM = 36
    AMNAT_CHAROEN = 37
    BUENG_KAN = 38
    NONG_BUA_LAM_PHU = 39
    KHON_KAEN = 40
    UDON_THANI = 41
    LOEI = 42
    NONG_KHAI = 43
    MAHA_SARAKHAM = 44
    ROI_ET = 45
    KALASIN = 46
    SAKON_NAKHON = 47
    NAKHON_PHANOM = 48
    MUKDAHAN = 49
    CHIANG_MAI = 50
    LAMPHUN = 51
    LAMPANG = 52
    UTTARADIT = 53
    PHRAE = 54
    NAN = 55
    PHAYAO = 56
    CHIANG_RAI = 57
    MAE_HONG_SON = 58
    NAKHON_SAWAN = 60
    UTHAI_THANI = 61
    KAMPHAENG_PHET = 62
    TAK = 63
    SUKHOTHAI = 64
    PHITSANULOK = 65
    PHICHIT = 66
    PHETCHABUN = 67
    RATCHABURI = 70
    KANCHANABURI = 71
    SUPHAN_BURI = 72
    NAKHON_PATHOM = 73
    SAMUT_SAKHON = 74
    SAMUT_SONGKHRAM = 75
    PHETCHABURI = 76
    PRACHUAP_KHIRI_KHAN = 77
    NAKHON_SI_THAMMARAT = 80
    KRABI = 81
    PHANGNGA = 82
    PHUKET = 83
    SURAT_THANI = 84
    RANONG = 85
    CHUMPHON = 86
    SONGKHLA = 90
    SATUN = 91
    TRANG = 92
    PHATTHALUNG = 93
    PATTANI = 94
    YALA = 95
    NARATHIWAT = 96

    @property
    def zone(self) -> Zone:
        """The zone that it lies in."""
        return ZONE_OF_PROVINCE[self]


_P = Province
PROVINCES_OF_ZONE: Mapping[Zone, tuple[Province, ...]] = MappingProxyType(
    {
        Zone.BANGKOK: (_P.BANGKOK,),
        Zone.CENTRAL: (
            _P.SAMUT_PRAKAN, _P.NONTHABURI, _P.PATHUM_THANI, _P.PHRA_NAKHON_SI_AYUTTHAYA,
            _P.ANG_THONG, _P.LOP_BURI, _P.SING_BURI, _P.CHAI_NAT, _P.SARABURI, _P.NAKHON_NAYOK,
            _P.NAKHON_SAWAN, _P.UTHAI_THANI, _P.KAMPHAENG_PHET, _P.SUKHOTHAI, _P.PHITSANULOK,
            _P.PHICHIT, _P.PHETCHABUN, _P.SUPHAN_BURI, _P.NAKHON_PATHOM, _P.SAMUT_SAKHON,
            _P.SAMUT_SONGKHRAM,
        ),
        Zone.NORTHERN: (
            _P.CHIANG_MAI, _P.LAMPHUN, _P.LAMPANG, _P.UTTARADIT, _P.PHRAE, _P.NAN, _P.PHAYAO,
            _P.CHIANG_RAI, _P.MAE_HONG_SON,
        ),
        Zone.NORTHEASTERN: (
            _P.NAKHON_RATCHASIMA, _P.BURI_RAM, _P.SURIN, _P.SI_SA_KET, _P.UBON_RATCHATHANI,
            _P.YASOTHON, _P.CHAIYAPHUM, _P.AMNAT_CHAROEN, _P.BUENG_KAN, _P.NONG_BUA_LAM_PHU,
            _P.KHON_KAEN, _P.UDON_THANI, _P.LOEI, _P.NONG_KHAI, _P.MAHA_SARAKHAM, _P.ROI_ET,
            _P.KALASIN, _P.SAKON_NAKHON, _P.NAKHON_PHANOM, _P.MUKDAHAN,
        ),
        Zone.EASTERN: (
            _P.CHON_BURI, _P.RAYONG, _P.CHANTHABURI, _P.TRAT, _P.CHACHOENGSAO, _P.PRACHIN_BURI,
            _P.SA_KAEO,
        ),
        Zone.WESTERN: (
            _P.TAK, _P.RATCHABURI, _P.KANCHANABURI, _P.PHETCHABURI, _P.PRACHUAP_KHIRI_KHAN,
        ),
        Zone.SOUTHERN: (
            _P.NAKHON_SI_THAMMARAT, _P.KRABI, _P.PHANGNGA, _P.PHUKET, _P.SURAT_THANI, _P.RANONG,
            _P.CHUMPHON, _P.SONGKHLA, _P.SATUN, _P.TRANG, _P.PHATTHALUNG, _P.PATTANI, _P.YALA,
            _P.NARATHIWAT,
        ),
    }
)  # fmt: skip

ZONE_OF_PROVINCE: Mapping[Province, Zone] = MappingProxyType(
    {province: zone for zone, provinces in PROVINCES_OF_ZONE.items() for province in provinces}
)

MEA_PROVINCES = (Province.BANGKOK, Province.SAMUT_PRAKAN, Province.NONTHABURI)
"""The territory of the Metropolitan Electricity Authority; all else is the Provincial one's."""
