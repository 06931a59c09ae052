"""The words of the corpus `stories`: names, animals, people, colors, things and places, as plain tables."""

GIRLS = tuple(
    "Lily Mia Anna Emma Nora Clara Lucy Molly Sara Tilda Ida Greta Hanna Lotte Maya Zoe Kate Ellen "
    "Julia Marta Nell Polly Sophie Tess Vera Amy".split()
)
BOYS = tuple(
    "Tom Ben Max Sam Leo Tim Jack Finn Hugo Paul Otto Emil Oscar Noah Luke Theo Adam Karl Jonah Milo "
    "Peter Henry David Simon Felix Anton".split()
)
ANIMAL_GIRLS = tuple(
    "Pippa Mimi Tilly Bella Minka Kiki Lulu Nini Dilly Zuzu Hettie Moppet Winny Suki Tansy Bibi "
    "Fanny Gigi".split()
)
ANIMAL_BOYS = tuple(
    "Pip Fidget Nibble Rollo Biscuit Momo Toby Barnaby Puck Scamp Tiko Bolo Pogo Tufty Digby "
    "Humphrey Wobble Rumble".split()
)
NAMES = {
    ("town", "she"): GIRLS,
    ("town", "he"): BOYS,
    ("wood", "she"): ANIMAL_GIRLS,
    ("wood", "he"): ANIMAL_BOYS,
}
PET_NAMES = tuple("Pepper Socks Patch Muffin Whisker Pudding Snowball Crumb Ginger Bruno".split())

PRONOUNS = {
    "he": {"he": "he", "him": "him", "his": "his", "himself": "himself"},
    "she": {"he": "she", "him": "her", "his": "her", "himself": "herself"},
}
BODY = {
    "town": {"hand": "hand", "hands": "hands", "foot": "foot", "feet": "feet"},
    "wood": {"hand": "paw", "hands": "paws", "foot": "paw", "feet": "paws"},
}

# Each animal with its dwelling.
ANIMALS = {
    "rabbit": "burrow",
    "mouse": "hole",
    "fox": "den",
    "bear": "cave",
    "squirrel": "nest",
    "hedgehog": "heap of leaves",
    "badger": "den",
    "otter": "hole",
    "mole": "tunnel",
    "beaver": "hut",
    "hare": "burrow",
    "raccoon": "hollow log",
    "weasel": "cave",
    "dormouse": "ball of straw",
    "skunk": "cellar",
    "chipmunk": "nest",
}
TOWN_INTROS: tuple[str, ...] = (
    "{his} friend {name}",
    "{his} neighbor {name}",
    "{his} cousin {name}",
    "{name} from next door",
    "{name} from across the street",
)
WOOD_INTROS: tuple[str, ...] = (
    "{name} the {kind}",
    "{his} friend {name} the {kind}",
    "{his} neighbor {name} the {kind}",
    "{his} cousin {name} the {kind}",
)

PARENTS = ("mother", "father", "grandmother", "grandfather")
MEN = ("father", "grandfather")
# Each elder with the place where the elder can be found.
ELDERS = {
    "town": {
        "the baker": "at the bakery",
        "the miller": "at the mill",
        "the gardener": "in the garden",
        "the shepherd": "on the hill with the sheep",
        "the old sailor": "at the harbor",
        "the beekeeper": "among the bees",
        "the shoemaker": "at the window",
        "the teacher": "outside the school",
        "the carpenter": "on the roof",
        "the fisherman": "by the water",
    },
    "wood": {
        "the old owl": "in the hollow tree",
        "the wise toad": "on the mossy stone",
        "the old goat": "at the garden gate",
        "the tortoise": "by the sunny wall",
        "the heron": "by the water",
        "the old crow": "in the tallest tree",
        "the goose": "beside the pond",
        "the donkey": "in the field",
        "the turtle": "on the beach",
        "the stork": "on the roof",
    },
}

COLORS = tuple("red blue green yellow purple white black brown pink silver golden gray".split())
TOYS = tuple("ball drum boat kite top whistle wagon puppet bucket doll trumpet sled".split())
DISHES = tuple("cup jug bowl plate vase teapot bottle pot".split())
GIFTS = tuple(
    "lantern flute drum kite basket mirror boat trumpet whistle sled fiddle clock".split()
)
TREASURES = tuple("blanket box teapot drum mirror basket lamp doll umbrella clock".split())
HOUSEHOLD = tuple("kettle broom lantern ladder blanket teapot barrel chair clock pot".split())
SMALL = tuple("pebble feather marble ribbon button cork candle bell pencil nail".split())
MIDDLE = tuple("hammer flute rope spade net lamp bucket basket spoon book".split())
LARGE = tuple("wheel drum mirror fiddle map rug umbrella trumpet barrel hat".split())
PRIZES = tuple("ribbon cap crown flag scarf belt cup coat bell hat".split())
FLYING = tuple("kite hat scarf flag glove umbrella ribbon sock map shirt".split())
MARKS = tuple("ribbons strings scarves bows lanterns feathers flags rags".split())
PETS = tuple("kitten puppy piglet pony lamb goat duck hen".split())
VEGETABLES = tuple("carrot turnip potato onion leek cabbage bean pea mushroom tomato".split())
FRUIT = tuple("plums pears peaches cherries figs berries nuts apples".split())
BAKED = tuple("buns cookies pancakes muffins pies tarts cakes rolls".split())
FLAVORS = tuple("apple plum carrot lemon cherry honey nut pumpkin onion pear".split())
FLOWERS = tuple("tulip poppy rose lily daisy sunflower".split())
TREES = ("oak", "elm", "pine", "beech", "willow", "apple tree", "pear tree", "plum tree")
PASSWORDS = tuple(
    "pumpkin thunder pickle noodle dragon pancake moonlight jellyfish teapot porridge "
    "grasshopper mushroom".split()
)
CALLS = tuple("tickle hoopla zipzap bimbam lirra snipsnap toodle piffpaff".split())
NUMBERS = tuple("seven eight nine ten eleven twelve".split())
# What a pocket may hold: an adjective of its own and the noun.
POCKET = (
    "smooth pebble",
    "rusty key",
    "long string",
    "round marble",
    "dry bean",
    "bent spoon",
    "broken clock",
    "lucky coin",
    "short pencil",
    "spotted feather",
    "wooden button",
    "round shell",
    "crooked nail",
    "small mirror",
    "torn map",
    "old bone",
    "tiny bell",
    "paper star",
    "big walnut",
    "thin candle",
    "fat cork",
    "loud whistle",
    "silk ribbon",
    "hard candy",
    "soft glove",
    "shiny stone",
    "dry leaf",
    "broken cup",
    "fine comb",
    "heavy hammer",
)

# Small creatures that look on, and those small enough to be saved with a straw.
CREATURES = tuple(
    "snail beetle cricket sparrow spider lizard magpie ladybug caterpillar robin moth "
    "bumblebee blackbird frog wren grasshopper".split()
)
TINY = tuple("mouse beetle ant lizard cricket sparrow wren bee spider frog".split())

HIDING = (
    "behind the barn",
    "behind the well",
    "behind the stove",
    "behind the woodpile",
    "behind the clock",
    "behind the curtain",
    "under the bridge",
    "under the bench",
    "under the hedge",
    "under the log",
    "under the stairs",
    "under the wagon",
    "in the haystack",
    "in the boot",
    "in the teapot",
    "in the stump",
    "in the cupboard",
    "in the cellar",
)
INDOORS = (
    "behind the stove",
    "behind the clock",
    "behind the curtain",
    "behind the mirror",
    "under the stairs",
    "under the carpet",
    "under the bed",
    "under the bench",
    "in the cellar",
    "in the attic",
    "in the boot",
    "in the cupboard",
)
OUTDOORS = (
    "behind the barn",
    "behind the well",
    "behind the woodpile",
    "behind the mill",
    "under the bridge",
    "under the bench",
    "under the hedge",
    "under the log",
    "under the willow",
    "in the haystack",
    "in the stump",
    "in the ditch",
    "in the orchard",
    "in the reeds",
)
PLACES = (
    "to the pond",
    "to the meadow",
    "to the orchard",
    "to the bridge",
    "to the hill",
    "to the river",
    "to the beach",
    "to the market",
    "to the mill",
    "to the forest",
)

FEELINGS = ("glad", "sad", "afraid", "proud", "ashamed", "lonely", "worried", "calm")
