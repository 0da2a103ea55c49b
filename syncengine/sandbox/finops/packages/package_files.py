"""Data packages: a zip with `Manifest.xml`, `PackageHeader.xml` and a file for each entity.

Source: data entities and packages overview; the manifest as exports of the service have it. A zip that unpacks to more
than a package may hold, and a manifest with a document type, are refused before anything of them is read.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from syncengine.sandbox.declarations import FinopsTable
from syncengine.sandbox.finops.packages.definition_groups import GroupEntity

MANIFEST, HEADER = "Manifest.xml", "PackageHeader.xml"
MAX_FILES = 200
MAX_UNPACKED_BYTES = 256 * 1024 * 1024
MAX_MANIFEST_BYTES = 8 * 1024 * 1024
MAX_RATIO = 200  # what text is packed to at the very best; a bomb does better
SMALL_BYTES = 1024 * 1024  # of this size nothing is a bomb
CSV, CSV_UNICODE = "CSV", "CSV-Unicode"
INCREMENTAL, FULL = "IncrementalPush", "FullPush"
_SPACE = "http://schemas.microsoft.com/dynamics/2015/01/DataManagement"
_KIND = "Microsoft.Dynamics.AX.Framework.Tools.DataManagement.Serialization.DataManagementPackageManifest"
_NOT_IN_NAMES = re.compile(r"[^\w .()-]")
_UNREADABLE = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError, OSError)


class BadPackage(ValueError):
    """A file that is no package, or one that the environment cannot import."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An entity of a package. `names` are property names by the names in the file's first line, in lower case."""

    table: FinopsTable
    file: str
    format: str = CSV
    is_incremental: bool = False
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityFile:
    """The rows of an entity as they are packed: `columns` are what the file holds, `content` is all of it."""

    table: FinopsTable
    is_incremental: bool
    columns: Sequence[str]
    content: bytes


def read_parts(content: bytes, tables: Sequence[FinopsTable], group: Sequence[GroupEntity]) -> list[Part]:
    """The entities of the package in the order of their import; by the group where it has no manifest.

    Raises: BadPackage.
    """
    with _opened(content) as package:
        files = _files(package)
        manifest = files.get(MANIFEST.lower())
        if manifest is not None:
            parts = list(_declared(_xml(_content(package, manifest, MAX_MANIFEST_BYTES)), tables))
        else:
            parts = list(_of_group(files, tables, group))
    missing = [part.file for part in parts if part.file.lower() not in files]
    if missing:
        raise BadPackage(f"The package has no file '{missing[0]}', which its manifest names.")
    if not parts:
        raise BadPackage("The package names no entity: it has no manifest and no file of an entity of the group.")
    return parts


def read_file(content: bytes, name: str) -> bytes:
    """A file of the package. Raises: BadPackage."""
    with _opened(content) as package:
        found = _files(package).get(name.lower())
        if found is None:
            raise BadPackage(f"The package has no file '{name}'.")
        return _content(package, found, MAX_UNPACKED_BYTES)


def write(group: str, entities: Sequence[EntityFile]) -> bytes:
    """A package of these entities."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr(MANIFEST, _manifest(group, entities).encode())
        package.writestr(HEADER, _header(group).encode())
        for one in entities:
            package.writestr(file_name(one.table), one.content)
    return out.getvalue()


def file_name(table: FinopsTable) -> str:
    """The file is named after the entity's label."""
    return _NOT_IN_NAMES.sub("_", table.label) + ".csv"


def find_table(name: str, tables: Sequence[FinopsTable]) -> FinopsTable | None:
    """The entity with this label, set, public name or data source, in any letter case."""
    wanted = name.strip().lower()
    for named in ("label", "set", "entity", "table"):
        for table in tables:
            if getattr(table, named).lower() == wanted:
                return table
    return None


def _opened(content: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(BytesIO(content))
    except _UNREADABLE as error:
        raise BadPackage("The package is no zip file that can be read.") from error


def _files(package: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files by their names in lower case, those in folders left out. Raises: BadPackage for too much of them."""
    infos = package.infolist()
    if len(infos) > MAX_FILES:
        raise BadPackage(f"The package has more than {MAX_FILES} files.")
    if sum(info.file_size for info in infos) > MAX_UNPACKED_BYTES:
        raise BadPackage(f"The package unpacks to more than {MAX_UNPACKED_BYTES // 1024 // 1024} MB.")
    for info in infos:
        if info.file_size > SMALL_BYTES and info.file_size > MAX_RATIO * max(info.compress_size, 1):
            raise BadPackage("A file of the package is packed more tightly than any data file.")
    names = [info.filename.lower() for info in infos]
    if len(set(names)) < len(names):
        raise BadPackage("The package has two files of one name.")
    return {info.filename.lower(): info for info in infos if "/" not in info.filename and "\\" not in info.filename}


def _content(package: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    if info.file_size > most:
        raise BadPackage(f"The file '{info.filename[:80]}' of the package is too large.")
    try:
        return package.read(info)
    except _UNREADABLE as error:
        raise BadPackage(f"The file '{info.filename[:80]}' of the package cannot be read.") from error


def _xml(content: bytes) -> ET.Element:
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        if re.search(r"<!(?:DOCTYPE|ENTITY)", text, re.IGNORECASE):
            raise BadPackage("The manifest of the package has a document type.")
        return ET.fromstring(re.sub(r"\A\s*<\?xml.*?\?>", "", text, flags=re.DOTALL))  # noqa: S314 - no entities
    except (UnicodeDecodeError, ET.ParseError) as error:
        raise BadPackage("The manifest of the package is no XML that can be read.") from error


def _declared(manifest: ET.Element, tables: Sequence[FinopsTable]) -> Iterator[Part]:
    """The entities of the manifest. Raises: BadPackage for one that is not there."""
    found = [one for one in manifest.iter() if _local(one) == "DataManagementPackageEntityData"]
    for one in sorted(found, key=_order):
        if _text(one, "Disable").lower() == "true":
            continue
        name = _text(one, "EntityName")
        table = find_table(name, tables)
        if table is None:
            raise BadPackage(f"Entity {name[:100]} does not exist in the target environment.")
        yield Part(
            table=table,
            file=_text(one, "InputFilePath") or f"{name}.csv",
            format=_text(one, "SourceFormat") or CSV,
            is_incremental=_text(one, "DefaultRefreshType") == INCREMENTAL,
            names=_names(one),
        )


def _order(entity: ET.Element) -> tuple[int, ...]:
    texts = [_text(entity, name) for name in ("ExecutionUnit", "LevelInExecutionUnit", "SequenceInLevel")]
    return tuple(int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0 for text in texts)


def _names(entity: ET.Element) -> dict[str, str]:
    pairs = [one for one in entity.iter() if _local(one) == "EntityMap"]
    return {_text(one, "XMLField").lower(): _text(one, "EntityField") for one in pairs}


def _of_group(
    files: Mapping[str, zipfile.ZipInfo], tables: Sequence[FinopsTable], group: Sequence[GroupEntity]
) -> Iterator[Part]:
    known = {table.set: table for table in tables}
    for entity in group:
        table = known.get(entity.set)
        if table is None:
            continue
        for name in (file_name(table), f"{table.set}.csv"):
            if name.lower() in files:
                yield Part(table=table, file=name, is_incremental=entity.is_incremental)
                break


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: ET.Element, name: str) -> str:
    """The text of the first child of this name; "" without one."""
    return next(((one.text or "").strip() for one in element if _local(one) == name), "")


def _manifest(group: str, entities: Sequence[EntityFile]) -> str:
    told = "".join(_entity(place, one) for place, one in enumerate(entities, start=1))
    return (
        '<?xml version="1.0" encoding="utf-8"?>\r\n'
        f'<DataManagementPackageManifest xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns="{_SPACE}">'
        f"<DefinitionGroupName>{escape(group)}</DefinitionGroupName><Description>{escape(group)}</Description>"
        f"<PackageEntityList>{told}</PackageEntityList></DataManagementPackageManifest>"
    )


def _entity(place: int, one: EntityFile) -> str:
    maps = "".join(
        f"<EntityMap><ArrayIndex>0</ArrayIndex><EntityField>{name}</EntityField>"
        f'<EntityFieldConversionList i:nil="true"/><IsAutoDefault>false</IsAutoDefault>'
        f"<IsAutoGenerated>false</IsAutoGenerated><XMLField>{name}</XMLField></EntityMap>"
        for name in one.columns
    )
    kind = INCREMENTAL if one.is_incremental else FULL
    return (
        "<DataManagementPackageEntityData>"
        f"<DefaultRefreshType>{kind}</DefaultRefreshType><Disable>false</Disable>"
        f"<EntityMapList>{maps}</EntityMapList><EntityName>{escape(one.table.label)}</EntityName>"
        f"<ExecutionUnit>1</ExecutionUnit><InputFilePath>{escape(file_name(one.table))}</InputFilePath>"
        f"<LevelInExecutionUnit>1</LevelInExecutionUnit><SequenceInLevel>{place}</SequenceInLevel>"
        f"<SkipStaging>false</SkipStaging><SourceFormat>{CSV}</SourceFormat></DataManagementPackageEntityData>"
    )


def _header(group: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\r\n'
        f'<DataManagementPackageHeader xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns="{_SPACE}">'
        f"<Description>{escape(group)}</Description><ManifestType>{_KIND}</ManifestType>"
        "<PackageType>DefinitionGroup</PackageType><PackageVersion>2</PackageVersion></DataManagementPackageHeader>"
    )
