"""The words of the corpus `stories`: names, animals, people, colors, things and places, as plain tables."""

GIRLS = tuple(
    "Lily Mia Anna Emma Nora Clara Lucy Molly Sara Tilda Ida Greta Hanna Lotte Maya Zoe Kate Ellen "
    "Julia Marta Nell Polly Sophie Tess Vera Amy Betty Dora Ruth Erika Flora Gerda Hedda Jenny Linda "
    "Nina Olga Paula".split()
)
BOYS = tuple(
    "Tom Ben Max Sam Leo Tim Jack Finn Hugo Paul Otto Emil Oscar Noah Luke Theo Adam Karl Jonah Milo "
    "Peter Henry David Simon Felix Anton Oliver Jacob Albert Bruno Conrad Daniel Edgar Frank George "
    "Gustav Ivan Victor".split()
)
ANIMAL_GIRLS = tuple(
    "Pippa Mimi Tilly Bella Minka Kiki Lulu Nini Dilly Zuzu Hettie Moppet Winny Suki Tansy Bibi "
    "Fanny Gigi Hoppity Jolly Mossy Nutkin Penny Trixie".split()
)
ANIMAL_BOYS = tuple(
    "Pip Bramble Fidget Nibble Rusty Bobbin Rollo Biscuit Momo Toby Barnaby Puck Scamp Tiko Bolo "
    "Pogo Grumpy Tufty Digby Humphrey Jumper Wobble Snuff Rumble".split()
)
NAMES = {
    ("town", "she"): GIRLS,
    ("town", "he"): BOYS,
    ("wood", "she"): ANIMAL_GIRLS,
    ("wood", "he"): ANIMAL_BOYS,
}
PET_NAMES = tuple("Button Pepper Socks Patch Muffin Whisker Pudding Snowball Crumb Ginger".split())

PRONOUNS = {
    "he": {"he": "he", "him": "him", "his": "his", "himself": "himself"},
    "she": {"he": "she", "him": "her", "his": "her", "himself": "herself"},
}
BODY = {
    "town": {"hand": "hand", "hands": "hands", "foot": "foot", "feet": "feet", "fingers": "fingers"},
    "wood": {"hand": "paw", "hands": "paws", "foot": "paw", "feet": "paws", "fingers": "claws"},
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
    "beaver": "lodge",
    "hare": "hollow",
    "raccoon": "hollow log",
    "weasel": "crack in the rocks",
    "dormouse": "ball of straw",
    "skunk": "cellar",
    "chipmunk": "hole",
}
TOWN_INTROS = (
    "{his} friend {name}",
    "{his} neighbor {name}",
    "{his} cousin {name}",
    "{name} from next door",
    "{name} from across the street",
)
WOOD_INTROS = (
    "{name} the {kind}",
    "{his} friend {name} the {kind}",
    "{his} neighbor {name} the {kind}",
)

PARENTS = ("mother", "father", "grandmother", "grandfather", "aunt", "uncle")
MEN = ("father", "grandfather", "uncle")
CALLS = {
    "mother": "Mama",
    "father": "Papa",
    "grandmother": "Grandma",
    "grandfather": "Grandpa",
    "aunt": "Auntie",
    "uncle": "Uncle",
}
# An elder is a name, where to meet the elder, and the elder's own place.
ELDERS = {
    "town": {
        "the baker": ("at the bakery", "bakery"),
        "the miller": ("at the mill", "mill"),
        "the blacksmith": ("at the forge", "forge"),
        "the gardener": ("in the greenhouse", "greenhouse"),
        "the shepherd": ("on the hill with the sheep", "hut"),
        "the old sailor": ("at the harbor", "ship"),
        "the beekeeper": ("among the hives", "garden"),
        "the shoemaker": ("in the workshop", "workshop"),
        "the teacher": ("outside the school", "school"),
        "the carpenter": ("at the workbench", "workshop"),
    },
    "wood": {
        "the old owl": ("in the hollow elm", "elm"),
        "the wise toad": ("on the mossy stone", "stone"),
        "the old goat": ("at the garden gate", "stable"),
        "the tortoise": ("by the sunny wall", "corner"),
        "the heron": ("among the reeds", "reeds"),
        "the old crow": ("in the tallest pine", "pine"),
        "the goose": ("beside the mill pond", "barn"),
        "the donkey": ("in the field of thistles", "field"),
        "the turtle": ("on the warm sand", "pool"),
        "the stork": ("on the chimney", "nest"),
    },
}

COLORS = tuple("red blue green yellow purple white black brown pink silver golden gray".split())
TOYS = tuple("ball drum boat kite top whistle wagon hoop puppet bucket doll trumpet".split())
CLOTHES = tuple("scarf hat cap coat shawl mitten blanket cloak vest sock".split())
TREASURES = tuple("shell feather pebble bead button marble key coin ribbon bell".split())
DISHES = tuple("cup jug bowl plate vase teapot dish mug".split())
GIFTS = tuple("lantern flute drum kite basket mirror boat telescope whistle sled paintbox trumpet".split())
FLOWERS = tuple("tulip poppy rose lily daisy sunflower crocus bluebell peony iris".split())
BAKED = tuple("bun pie cake pancake muffin cookie tart dumpling waffle".split())
FRUIT = tuple("pear plum peach cherry strawberry nut fig apricot".split())
VEGETABLES = tuple("carrot turnip potato onion leek cabbage bean pea mushroom tomato".split())
PASSWORDS = tuple(
    "pumpkin thunder pickle bumblebee noodle walrus dragon pancake moonlight cucumber jellyfish "
    "teapot porridge grasshopper".split()
)
NUMBERS = tuple("three four five six seven eight nine ten".split())

HIDING = (
    "behind the barn",
    "behind the well",
    "behind the stove",
    "behind the woodpile",
    "behind the clock",
    "behind the curtain",
    "behind the beehive",
    "under the bridge",
    "under the bench",
    "under the hedge",
    "under the log",
    "under the stairs",
    "under the wagon",
    "under the doorstep",
    "in the haystack",
    "in the boot",
    "in the teapot",
    "in the stump",
    "in the cupboard",
    "in the flowerpot",
)
INDOORS = (
    "behind the stove",
    "behind the clock",
    "behind the curtain",
    "behind the mirror",
    "behind the piano",
    "under the stairs",
    "under the carpet",
    "under the bed",
    "under the doorstep",
    "under the bathtub",
    "in the cellar",
    "in the attic",
    "in the laundry",
    "in the oven",
)
OUTDOORS = (
    "behind the barn",
    "behind the well",
    "behind the woodpile",
    "behind the mill",
    "behind the beehive",
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
    "to the waterfall",
)

# What a pocket may hold: an adjective of its own and the noun.
POCKET = (
    "smooth pebble",
    "rusty key",
    "long string",
    "glass marble",
    "dried bean",
    "bent spoon",
    "broken watch",
    "lucky coin",
    "stubby pencil",
    "spotted feather",
    "wooden button",
    "curly shell",
    "copper thimble",
    "crooked nail",
    "round mirror",
    "folded map",
    "sticky toffee",
    "chicken bone",
    "brass bell",
    "paper star",
    "walnut",
    "fishhook",
    "candle",
    "cork",
    "magnet",
    "whistle",
    "ticket",
    "radish",
    "peppermint",
    "acorn",
)

# Small creatures that look on, and what they are fond of doing.
CREATURES = tuple(
    "snail beetle cricket sparrow spider lizard magpie pigeon ladybug caterpillar robin moth "
    "bumblebee blackbird frog wren grasshopper".split()
)
FLAVORS = tuple(
    "apple plum carrot lemon cherry ginger honey nut pumpkin raspberry cinnamon onion".split()
)

FEELINGS = ("glad", "sad", "afraid", "proud", "ashamed", "lonely", "angry", "worried", "calm")
