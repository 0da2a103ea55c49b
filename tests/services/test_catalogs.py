from syncengine.catalog import Catalog, Choice, Column, ColumnType, Key, Reference, Table
from syncengine.services.catalogs import from_text, to_text

CATALOG = Catalog(
    tables=(
        Table(
            name="ProductColors",
            logical_name="ProductColor",
            label="Colors",
            columns=(
                Column(name="COLORID", type=ColumnType.TEXT, max_length=10, is_required=True),
                Column(name="TONE", type=ColumnType.ENUM, choices=(Choice(value="Dark", label="Dark"),)),
            ),
            keys=(Key(name="natural", columns=("COLORID",)),),
            references=(Reference(columns=("TONE",), target_table="Tones", target_columns=("ID",)),),
        ),
    )
)


def test_a_catalog_comes_back_as_it_was() -> None:
    back = from_text(to_text(CATALOG))
    assert back == CATALOG
    assert back.table("productcolors").column("colorid").max_length == 10


def test_nothing_that_follows_from_the_rest_is_stored() -> None:
    assert to_text(CATALOG).count("COLORID") == 2  # the column, and the key on it
